/** The workspace in the simulation: the real actor, as the directory in which limits are found. */
import { addressOfWorkspace, formatAddress, type ObjectAddress } from "../../src/contract/envelope.ts";
import type { WorkspaceActor } from "../../src/objects/workspace/actor.ts";
import { WORKSPACE } from "./limits.ts";
import type { Network } from "./network.ts";
import { SimObject } from "./objects.ts";
import type { World } from "./world.ts";

export function openDirectory(
  world: World,
  network: Network,
  objects: Map<string, SimObject>,
  find: (address: ObjectAddress) => SimObject | undefined,
): SimObject<WorkspaceActor> {
  const address = addressOfWorkspace(WORKSPACE);
  const workspace = new SimObject(world, network, address, "workspace", find, {
    make: (host, _, code) => new code.WorkspaceActor(host),
    onCommit: () => {},
  });
  objects.set(formatAddress(address), workspace);
  return workspace;
}
