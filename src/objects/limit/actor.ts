import { Actor, type Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import { migrations } from "./migrations.ts";
import type { LimitOperations } from "./operations.ts";

export class LimitActor extends Actor<LimitOperations> {
  protected readonly creating: ReadonlySet<string> = new Set([]);
  protected readonly handlers = {} as Handlers<LimitOperations>;
  constructor(host: ObjectHost) {
    super(host, migrations);
  }
  protected sweep(): void {}
  protected earliestDeadline(): number | undefined {
    return undefined;
  }
}
