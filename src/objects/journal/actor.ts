import { Actor, type Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import { migrations } from "./migrations.ts";
import type { JournalOperations } from "./operations.ts";

export class JournalActor extends Actor<JournalOperations> {
  protected readonly creating: ReadonlySet<string> = new Set([]);
  protected readonly handlers = {} as Handlers<JournalOperations>;
  constructor(host: ObjectHost) {
    super(host, migrations);
  }
  protected sweep(): void {}
  protected earliestDeadline(): number | undefined {
    return undefined;
  }
}
