/**
 * What every object does alike: load -> decide -> apply -> set alarm, with no await in between.
 *
 * Each operation runs in a transaction of its own, in the turns that `turns.ts` orders. Effects on other objects are
 * rows of the same transaction, see `outbox.ts`. One alarm stands for the earliest stored deadline; deadlines are also
 * applied before each operation, so nothing depends on the alarm.
 */
import {
  ENVELOPE_VERSION,
  formatAddress,
  type Envelope,
  type ObjectAddress,
} from "../../contract/envelope.ts";
import { refuse, type Result } from "../../contract/errors.ts";
import type { ObjectHost } from "./host.ts";
import { EFFECT_ALARM_MS, Outbox, OUTBOX_TABLE, type Effect } from "./outbox.ts";
import { hasTable, migrate } from "./sql.ts";
import { Turns } from "./turns.ts";
import { InvariantViolation, ViolationReports } from "./violations.ts";
import { Watchers } from "./watchers.ts";

export type { Effect } from "./outbox.ts";
export { InvariantViolation } from "./violations.ts";

/** The shape of an object's operations: what goes in and what comes out of each. */
export type Operations = { [operation: string]: { command: unknown; answer: unknown } };

/** An answer that is known now, or the ear of a caller who waits for a later turn to answer. */
export type Answer<Value> = Result<Value> | Promise<Result<Value>>;

export type Handlers<Of extends Operations> = {
  [Operation in keyof Of & string]: (
    command: Of[Operation]["command"],
    envelope: Envelope<Operation>,
  ) => Answer<Of[Operation]["answer"]>;
};

/** No alarm that is in order is this late. */
const LATE_MS = 2000;
/** A sweep that failed is tried again after this long. */
const SWEEP_RETRY_MS = 1000;
const DELETE_RETRY_MS = 60_000;
/** Operations that may wait for the commit in flight; more are shed. */
const OPERATIONS_WAITING_MAX = 10_000;

export abstract class Actor<Of extends Operations> {
  protected readonly host: ObjectHost;
  readonly #migrations: readonly string[];
  readonly #turns: Turns;
  readonly #outbox: Outbox;
  readonly #violations: ViolationReports;
  readonly #watchers: Watchers;
  /** Never later than the earliest stored deadline. Infinity: no alarm is set. */
  #alarmAt = Number.POSITIVE_INFINITY;
  #isAlarmMoved = false;
  #hasTables: boolean;

  /** `migrations` follow the outbox table, which every object has as its first one. */
  constructor(host: ObjectHost, migrations: readonly string[]) {
    this.host = host;
    this.#turns = new Turns(host, {
      close: () => this.#storeAlarm(),
      fail: (error) => {
        // The platform resets the object after a failed commit; a host that does not must start from what is stored.
        host.log({ event: "commit_failed", error: String(error) });
        this.#watchers.forget();
        this.forget();
      },
      settle: () => this.#settleTurn(),
    });
    this.#outbox = new Outbox(host, {
      isPresent: () => this.#hasTables,
      turn: (name, body) => this.turn(name, body),
      wakeAt: (at) => this.wakeAt(at),
      settle: (effect, result) => this.settleEffect(effect, result),
    });
    this.#violations = new ViolationReports(host, (...effect) => this.#outbox.send(...effect));
    this.#watchers = new Watchers(host);
    this.#migrations = [OUTBOX_TABLE, ...migrations];
    this.#hasTables = hasTable(host.sql, "migration");
    if (this.#hasTables) host.transaction(() => migrate(host.sql, this.#migrations));
  }

  /** What the object can do; each handler runs inside a transaction and must not await. */
  protected abstract readonly handlers: Handlers<Of>;
  /** Applies every deadline that has passed at `now`. May leave work for later if it says so by a deadline in the past. */
  protected abstract sweep(now: number): void;
  /** The earliest stored deadline of the object's own tables, in milliseconds; undefined when there is none. */
  protected abstract earliestDeadline(): number | undefined;
  /** Called in a turn of its own when the target of an effect has answered for good. */
  protected settleEffect(_effect: Effect, _result: Result<unknown>): void {}
  /**
   * Called at the end of each operation's transaction, also of a sweep: throws an {@link InvariantViolation} where a
   * promise would not hold if it were committed.
   */
  protected assertPromises(): void {}
  /** Called after a turn failed: whatever is cached in memory must be read again. */
  protected forget(): void {}
  /** The answer to any operation that does not create the object, while it does not exist. */
  protected answerAbsent(_operation: string): Result<never> {
    return refuse("not_found");
  }
  /** Operations that may make the tables of an object that does not exist yet. */
  protected abstract readonly creating: ReadonlySet<string>;

  /** Restores the alarm of an instance that starts. Must run before the first operation. */
  async start(): Promise<void> {
    const alarm = await this.host.readAlarm();
    if (alarm !== null) this.#alarmAt = alarm;
    else if (this.#hasTables) this.#alarmAt = 0; // Never trust an absent alarm: the first turn sweeps and derives it again.
  }

  get isPresent(): boolean {
    return this.#hasTables;
  }

  /** Runs one operation from outside. Never throws. */
  execute(envelope: Envelope): Promise<Result<unknown>> {
    if (envelope.v !== ENVELOPE_VERSION) {
      return Promise.resolve(
        refuse("unavailable", "This version of the call is not known here; try again shortly."),
      );
    }
    const handler = Object.hasOwn(this.handlers, envelope.operation)
      ? (this.handlers[envelope.operation] as (command: unknown, envelope: Envelope) => Answer<unknown>)
      : undefined;
    if (handler === undefined) {
      return Promise.resolve(
        refuse("unavailable", `The operation ${envelope.operation} is not known here; try again shortly.`),
      );
    }
    if (!this.#hasTables && !this.creating.has(envelope.operation)) {
      if (envelope.watch_seconds !== undefined) this.#watchers.expect(envelope.watch_seconds);
      return Promise.resolve(this.answerAbsent(envelope.operation));
    }
    if (this.#turns.waiting >= OPERATIONS_WAITING_MAX) {
      return Promise.resolve(refuse("overloaded", undefined, { retry_after_seconds: 1 }));
    }
    return new Promise((resolve) => {
      const run = () => {
        this.#applyDeadlines();
        // What an object that retires would write now would be deleted with the rest.
        if (this.#isRetiring) {
          this.#turns.add(run);
          return;
        }
        if (!this.#hasTables && !this.creating.has(envelope.operation)) {
          resolve(this.answerAbsent(envelope.operation));
          return;
        }
        const answer = this.#guard(envelope.operation, () => {
          if (!this.#hasTables) this.#createTables();
          if (envelope.watch_seconds !== undefined) this.#watchers.watch(envelope.watch_seconds);
          return handler(envelope.command, envelope);
        });
        resolve(answer);
      };
      this.#turns.add(run);
    });
  }

  /** The platform's alarm: early, late and twice are all the same to it. Never throws. */
  async alarm(): Promise<void> {
    this.#noteLateness(this.host.now());
    this.#alarmAt = 0;
    await this.turn("alarm", () => {});
  }

  /** Runs `body` in a transaction of its own, in the next turn that is free. Resolves when it has run. */
  protected turn(name: string, body: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.#turns.add(() => {
        if (this.#hasTables) {
          this.#applyDeadlines();
          void this.#guard(name, () => {
            body();
            return { ok: true, value: null };
          });
        }
        resolve();
      });
    });
  }

  /** Says that a deadline was stored: the alarm moves if it is the earliest. One that has passed is due now, and nobody was late. */
  protected wakeAt(at: number): void {
    const due = Math.max(at, this.host.now());
    if (due >= this.#alarmAt) return;
    this.#alarmAt = due;
    this.#isAlarmMoved = true;
    if (!this.#turns.isRunning) this.#storeAlarm();
  }

  /** Whether the alarm comes by `at`, or as soon as a sweep that failed is tried again (promise I9). */
  protected isAwakeBy(at: number): boolean {
    return this.#alarmAt <= Math.max(at, this.host.now() + SWEEP_RETRY_MS);
  }

  /** Outside the operations' transactions, so that one which is undone cannot take the alarm of another with it. */
  #storeAlarm(): void {
    if (!this.#isAlarmMoved) return;
    this.#isAlarmMoved = false;
    if (Number.isFinite(this.#alarmAt)) this.host.setAlarm(this.#alarmAt);
  }

  /**
   * Ends the object: after this turn everything it stored is deleted at once, and it is as if it had never been. What
   * waits for a turn runs then.
   */
  protected retire(): void {
    this.#isRetiring = true;
  }
  #isRetiring = false;

  async #deleteAll(): Promise<void> {
    try {
      await this.host.deleteAll();
      this.#hasTables = false;
      this.#alarmAt = Number.POSITIVE_INFINITY;
      this.#watchers.forget();
      this.forget();
    } catch (error) {
      // The deadline that led here is still stored: the next turn tries again.
      this.host.log({ event: "delete_all_failed", error: String(error) });
      this.#alarmAt = 0;
      this.host.setAlarm(this.host.now() + DELETE_RETRY_MS);
    }
    this.#isRetiring = false;
  }

  /** Stores an effect on another object in the transaction that runs now; it is delivered until acknowledged. */
  protected send(target: ObjectAddress, operation: string, request_id: string, command: unknown): void {
    this.#outbox.send(target, operation, request_id, command);
  }

  /** Tells whether an effect that was stored under a request id that begins like this is still to be acknowledged. */
  protected isSending(target: ObjectAddress, id_prefix: string): boolean {
    return this.#outbox.isSending(target, id_prefix);
  }

  #settleTurn(): Promise<void> | undefined {
    if (this.#isRetiring) return this.#deleteAll();
    if (this.#hasTables) this.#watchers.settle();
    if (this.#outbox.hasNews) {
      this.#outbox.hasNews = false;
      this.host.background(this.#outbox.pump());
    }
    return undefined;
  }

  #createTables(): void {
    migrate(this.host.sql, this.#migrations);
    this.#hasTables = true;
  }

  #applyDeadlines(): void {
    const now = this.host.now();
    if (!this.#hasTables || now < this.#alarmAt) return;
    this.#noteLateness(now);
    const swept = this.#guard("sweep", () => {
      this.sweep(now);
      return { ok: true, value: null };
    });
    const isSwept = "ok" in swept && swept.ok;
    this.#violations.flush();
    const report = this.#violations.earliestDue() ?? Number.POSITIVE_INFINITY;
    const own = Math.min(this.earliestDeadline() ?? Number.POSITIVE_INFINITY, report);
    const effect = this.#outbox.earliestDue() ?? Number.POSITIVE_INFINITY;
    // What is due is delivered right after this turn; until it has arrived the alarm only stands behind that.
    const isEffectDue = effect <= now;
    const delivery = isEffectDue ? now + EFFECT_ALARM_MS : effect;
    // A sweep that leaves overdue work asks for the next turn, not for this instant again and again; one that fails would
    // likely fail at once again.
    const earliest = now + (isSwept ? 1 : SWEEP_RETRY_MS);
    this.#alarmAt = Math.max(Math.min(own, delivery), earliest);
    this.#isAlarmMoved = true;
    if (isEffectDue) this.#outbox.hasNews = true;
  }

  /** Whoever had to be heard of in time could not be heard either: nothing that waits for a sign of life ends now. */
  #noteLateness(now: number): void {
    if (this.#alarmAt > 0 && now > this.#alarmAt + LATE_MS) this.host.noteLostTime(now);
  }

  #guard(operation: string, body: () => Answer<unknown>): Answer<unknown> {
    const hadTables = this.#hasTables;
    try {
      return this.host.transaction(() => {
        const answer = body();
        this.assertPromises();
        return answer;
      });
    } catch (error) {
      this.#hasTables = hadTables;
      this.#watchers.forget();
      this.forget();
      this.host.log({
        event: error instanceof InvariantViolation ? "invariant_violated" : "operation_failed",
        object: formatAddress(this.host.address),
        operation,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        ...(error instanceof InvariantViolation && { invariant: error.invariant, state: error.state }),
      });
      if (error instanceof InvariantViolation && hadTables) {
        this.#violations.note(operation, error);
        const due = this.#violations.earliestDue();
        if (due !== undefined) this.wakeAt(due);
      }
      return refuse("unavailable", undefined, { retry_after_seconds: 1 });
    }
  }
}
