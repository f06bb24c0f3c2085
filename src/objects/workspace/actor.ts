import { Actor, type Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import { migrations } from "./migrations.ts";
import type { WorkspaceOperations } from "./operations.ts";

export class WorkspaceActor extends Actor<WorkspaceOperations> {
  protected readonly creating: ReadonlySet<string> = new Set([]);
  protected readonly handlers = {} as Handlers<WorkspaceOperations>;
  constructor(host: ObjectHost) {
    super(host, migrations);
  }
  protected sweep(): void {}
  protected earliestDeadline(): number | undefined {
    return undefined;
  }
}
