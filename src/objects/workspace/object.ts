import type { ObjectBindings } from "../shared/stub.ts";
import { SluiceObject } from "../shared/durable-object.ts";
import { WorkspaceActor } from "./actor.ts";
import type { WorkspaceOperations } from "./operations.ts";

/**
 * The control plane of a workspace. Addressed by the workspace's name, which the caller's key decides; owns flows,
 * deployments with their schedules, variables, the directory of pools and limits, and the audit log. A change of a
 * deployment is one transaction with everything that pools and limits must hear of it. The alarm gives schedules whose
 * time has come their next runs.
 */
export class Workspace extends SluiceObject<WorkspaceOperations, WorkspaceActor> {
  constructor(state: DurableObjectState, env: ObjectBindings) {
    super(state, env, (host) => new WorkspaceActor(host));
  }
}
