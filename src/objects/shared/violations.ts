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

/** Whoever calls again and again meets the same fault again and again: one row a minute tells enough. */
const REPORT_EVERY_MS = 60_000;

export class ViolationReports {
  readonly #host: ObjectHost;
  readonly #send: (target: ObjectAddress, operation: string, request_id: string, command: unknown) => void;
  readonly #met = new Map<string, { count: number; reported_at: number }>();

  constructor(
    host: ObjectHost,
    send: (target: ObjectAddress, operation: string, request_id: string, command: unknown) => void,
  ) {
    this.#host = host;
    this.#send = send;
  }

  /** Counts a violation and, not more often than once a minute, writes its report as an effect. Never throws. */
  note(operation: string, { invariant, message }: InvariantViolation): void {
    const now = this.#host.now();
    const met = this.#met.get(invariant) ?? { count: 0, reported_at: Number.NEGATIVE_INFINITY };
    met.count += 1;
    this.#met.set(invariant, met);
    if (now < met.reported_at + REPORT_EVERY_MS) return;
    const { address } = this.#host;
    const report: ViolationReport = {
      object: formatAddress(address),
      invariant,
      operation,
      message,
      count: met.count,
      at: now,
    };
    try {
      // The transaction of the operation is undone: this is one of its own.
      this.#host.transaction(() =>
        this.#send(addressOfWorkspace(address.workspace), "note_violation", makeUuid(this.#host), report),
      );
    } catch (error) {
      this.#host.log({ event: "violation_not_reported", object: report.object, error: String(error) });
      return;
    }
    met.count = 0;
    met.reported_at = now;
  }
}
