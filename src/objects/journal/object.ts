import type { ObjectBindings } from "../shared/stub.ts";
import { SluiceObject } from "../shared/durable-object.ts";
import { JournalActor } from "./actor.ts";
import type { JournalOperations } from "./operations.ts";

export class RunJournal extends SluiceObject<JournalOperations, JournalActor> {
  constructor(state: DurableObjectState, env: ObjectBindings) {
    super(state, env, (host) => new JournalActor(host));
  }
}
