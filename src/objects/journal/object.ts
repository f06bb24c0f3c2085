import type { ObjectBindings } from "../shared/stub.ts";
import { SluiceObject } from "../shared/durable-object.ts";
import { JournalActor } from "./actor.ts";
import type { JournalOperations } from "./operations.ts";

const RETENTION_DAYS_DEFAULT = 30;

/**
 * Keeps the logs of one pool's runs of one UTC day, see {@link JournalActor}. Addressed as
 * `<workspace>/journal/<pool key>-<YYYYMMDD>`; the alarm ends waiting callers and, in the end, the journal.
 */
export class RunJournal extends SluiceObject<JournalOperations, JournalActor> {
  constructor(state: DurableObjectState, env: ObjectBindings) {
    const days = Number(env.SLUICE_RETENTION_DAYS);
    const retention_days = Number.isFinite(days) && days > 0 ? days : RETENTION_DAYS_DEFAULT;
    super(state, env, (host) => new JournalActor(host, { retention_days }));
  }
}
