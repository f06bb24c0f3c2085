import type { ObjectBindings } from "../shared/stub.ts";
import { SluiceObject } from "../shared/durable-object.ts";
import { WorkspaceActor } from "./actor.ts";
import type { WorkspaceOperations } from "./operations.ts";

export class Workspace extends SluiceObject<WorkspaceOperations, WorkspaceActor> {
  constructor(state: DurableObjectState, env: ObjectBindings) {
    super(state, env, (host) => new WorkspaceActor(host));
  }
}
