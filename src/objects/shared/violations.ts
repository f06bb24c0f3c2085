/** Broken promises: how an object notices one, and how the workspace hears of it. */
import { addressOfWorkspace, formatAddress, type ObjectAddress } from "../../contract/envelope.ts";
import type { ObjectHost } from "./host.ts";
import { makeUuid } from "./uuid.ts";

/** Thrown where a promise of the design does not hold: the operation is undone and answered `unavailable`. */
export class InvariantViolation extends Error {
  readonly invariant: string;
  readonly state: unknown;
  constructor(invariant: string, message: string, state: unknown) {
    super(`${invariant}: ${message}`);
    this.name = "InvariantViolation";
    this.invariant = invariant;
    this.state = state;
  }
}

/** What the workspace is told. */
export interface ViolationReport {
  /** The address of the object. */
  object: string;
  invariant: string;
  operation: string;
  message: string;
  /** How often it was met since the report before. */
  count: number;
  /** When this report was made, in milliseconds; a report that is not newer than the last one is the last one again. */
  at: number;
}

/** So many are told one by one, so that an object which is evicted after them has told all. */
const ONE_BY_ONE_MAX = 20;
/** Whoever calls again and again meets the same fault again and again: one row a minute tells enough. */
const REPORT_EVERY_MS = 60_000;

interface Met {
  /** What was not reported yet. */
  count: number;
  reported_at: number;
  /** Before that nothing is told. */
  due_at: number;
  /** How many reports there were without a pause of {@link REPORT_EVERY_MS}. */
  reports: number;
  operation: string;
  message: string;
}

export class ViolationReports {
  readonly #host: ObjectHost;
  readonly #send: (target: ObjectAddress, operation: string, request_id: string, command: unknown) => void;
  readonly #met = new Map<string, Met>();

  constructor(
    host: ObjectHost,
    send: (target: ObjectAddress, operation: string, request_id: string, command: unknown) => void,
  ) {
    this.#host = host;
    this.#send = send;
  }

  /** Counts a violation and writes its report as an effect, of many not more often than once a minute. Never throws. */
  note(operation: string, { invariant, message }: InvariantViolation): void {
    const before = this.#met.get(invariant) ?? { count: 0, reported_at: 0, due_at: 0, reports: 0 };
    this.#met.set(invariant, { ...before, count: before.count + 1, operation, message });
    this.flush();
  }

  /** Reports what was counted and may be reported by now. Never throws. */
  flush(): void {
    const now = this.#host.now();
    for (const [invariant, met] of this.#met)
      if (met.count > 0 && now >= met.due_at) this.#report(invariant, met, now);
  }

  /** When the next report may be made, in milliseconds; undefined when there is nothing to report. */
  earliestDue(): number | undefined {
    const waiting = [...this.#met.values()].filter(({ count }) => count > 0);
    return waiting.length === 0 ? undefined : Math.min(...waiting.map(({ due_at }) => due_at));
  }

  #report(invariant: string, met: Met, now: number): void {
    const { address } = this.#host;
    const { operation, message, count } = met;
    const object = formatAddress(address);
    // Two of one millisecond are two.
    const at = Math.max(now, met.reported_at + 1);
    const report: ViolationReport = { object, invariant, operation, message, count, at };
    try {
      // The transaction of the operation is undone: this is one of its own.
      this.#host.transaction(() =>
        this.#send(addressOfWorkspace(address.workspace), "note_violation", makeUuid(this.#host), report),
      );
    } catch (error) {
      this.#host.log({ event: "violation_not_reported", object, error: String(error) });
      met.due_at = now + REPORT_EVERY_MS;
      return;
    }
    met.count = 0;
    met.reports = now < met.reported_at + REPORT_EVERY_MS ? met.reports + 1 : 1;
    met.reported_at = at;
    met.due_at = met.reports < ONE_BY_ONE_MAX ? 0 : at + REPORT_EVERY_MS;
  }
}
