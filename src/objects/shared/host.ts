/** What an object needs from the world it lives in: the platform in production, a virtual clock and network in simulation. */
import type { Envelope, ObjectAddress } from "../../contract/envelope.ts";
import type { Result } from "../../contract/errors.ts";
import type { Sql } from "./sql.ts";

export interface ObjectHost {
  readonly address: ObjectAddress;
  readonly sql: Sql;
  /** Runs `body` as one transaction; what it throws rolls everything back and goes on. Synchronous by nature. */
  transaction<Value>(body: () => Value): Value;
  /** Milliseconds since the epoch. */
  now(): number;
  /** A uniformly random unsigned integer of up to 48 bits. */
  randomUint(bits: number): number;
  /** Resolves when everything written so far is durable; rejects when the commit failed. */
  sync(): Promise<void>;
  /** Sets the object's single alarm, in milliseconds since the epoch. */
  setAlarm(at: number): void;
  /** The alarm as it was stored before this instance started. */
  readAlarm(): Promise<number | null>;
  /** Deletes everything that the object has stored, its alarm included; never inside a transaction. */
  deleteAll(): Promise<void>;
  /** Calls another object. A failure of the way there is an `unavailable` result, never a throw. */
  call(envelope: Envelope): Promise<Result<unknown>>;
  /** Lets a task outlive the answer. */
  background(task: Promise<unknown>): void;
  /** Writes one wide event to the log. */
  log(event: Record<string, unknown>): void;
  /**
   * No lease or claim expires before this instant (milliseconds): after a start of the embedded server everybody gets
   * time to report again. 0 where the platform keeps objects running.
   */
  readonly expiry_floor: number;
  /**
   * When the clock was last put forward, in milliseconds of the time since then; 0 where that cannot be known. A deadline
   * from before says nothing: what it ends lasts from then on as long as it was given for.
   */
  readonly clock_stepped_at: number;
  /** An alarm came far too late: the clock was put forward, or nothing ran here for a while. Raises `expiry_floor`. */
  noteLostTime(now: number): void;
}
