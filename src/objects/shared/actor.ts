/**
 * The turns of an object: load -> decide -> apply -> set alarm, with no await in between.
 *
 * Each operation runs in a transaction of its own. An idle object answers at once; while a commit is in flight it
 * collects operations and runs them together in the next turn, so many of them share one commit. Effects on other
 * objects are rows of the same transaction (the outbox), delivered until they are acknowledged. One alarm stands for
 * the earliest stored deadline; deadlines are also applied before each operation, so nothing depends on the alarm.
 */
import {
  ENVELOPE_VERSION,
  formatAddress,
  parseAddress,
  type Envelope,
  type ObjectAddress,
} from "../../contract/envelope.ts";
import { refuse, type Result } from "../../contract/errors.ts";
import type { ObjectHost } from "./host.ts";
import { first, hasTable, migrate } from "./sql.ts";

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

/** An effect on another object, as it lies in the outbox. */
export interface Effect {
  seq: number;
  target: ObjectAddress;
  operation: string;
  request_id: string;
  command: unknown;
}

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

interface OutboxRow {
  seq: number;
  target: string;
  operation: string;
  request_id: string;
  command: string;
  attempt: number;
  due_at: number;
}

interface WaitingOperation {
  run: () => void;
}

const OUTBOX_TABLE = `CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY, target TEXT NOT NULL, operation TEXT NOT NULL, request_id TEXT NOT NULL,
  command TEXT NOT NULL, attempt INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL)`;
const TARGETS_PER_PUMP_MAX = 64;
const EFFECTS_PER_LOOK_MAX = 64;
/** Effects whose target is not being delivered to right now; the deliverer that is there sees to the others. */
const NOT_IN_FLIGHT = "target NOT IN (SELECT value FROM json_each(?))";
const EFFECT_ALARM_MS = 1000;
/**
 * An effect that failed so often (about three minutes) no longer holds back those behind it: a target that is away
 * refuses all of them anyway, but one that cannot digest this one must still hear of releases.
 */
const ORDERED_ATTEMPTS_MAX = 12;
/** A sweep that failed is tried again after this long. */
const SWEEP_RETRY_MS = 1000;
const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 30_000;
const DELETE_RETRY_MS = 60_000;
/** Operations that may wait for the commit in flight; more are shed. */
const OPERATIONS_WAITING_MAX = 10_000;

export abstract class Actor<Of extends Operations> {
  protected readonly host: ObjectHost;
  readonly #migrations: readonly string[];
  #waiting: WaitingOperation[] = [];
  #isCommitting = false;
  /** Never later than the earliest stored deadline. Infinity: no alarm is set. */
  #alarmAt = Number.POSITIVE_INFINITY;
  #isAlarmMoved = false;
  #isInTurn = false;
  #hasTables: boolean;
  readonly #targetsInFlight = new Set<string>();

  /** `migrations` follow the outbox table, which every object has as its first one. */
  constructor(host: ObjectHost, migrations: readonly string[]) {
    this.host = host;
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
      return Promise.resolve(this.answerAbsent(envelope.operation));
    }
    if (this.#waiting.length >= OPERATIONS_WAITING_MAX) {
      return Promise.resolve(refuse("overloaded", undefined, { retry_after_seconds: 1 }));
    }
    return new Promise((resolve) => {
      const run = () => {
        this.#applyDeadlines();
        // What an object that retires would write now would be deleted with the rest.
        if (this.#isRetiring) {
          this.#enqueue(run);
          return;
        }
        if (!this.#hasTables && !this.creating.has(envelope.operation)) {
          resolve(this.answerAbsent(envelope.operation));
          return;
        }
        const answer = this.#guard(envelope.operation, () => {
          if (!this.#hasTables) this.#createTables();
          return handler(envelope.command, envelope);
        });
        resolve(answer);
      };
      this.#enqueue(run);
    });
  }

  /** The platform's alarm: early, late and twice are all the same to it. Never throws. */
  async alarm(): Promise<void> {
    this.#alarmAt = 0;
    await this.turn("alarm", () => {});
  }

  /** Runs `body` in a transaction of its own, in the next turn that is free. Resolves when it has run. */
  protected turn(name: string, body: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.#enqueue(() => {
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

  /** Says that a deadline was stored: the alarm moves if it is the earliest. */
  protected wakeAt(at: number): void {
    if (at >= this.#alarmAt) return;
    this.#alarmAt = at;
    this.#isAlarmMoved = true;
    if (!this.#isInTurn) this.#storeAlarm();
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
    const now = this.host.now();
    const to = formatAddress(target);
    // Behind effects on the same target that wait for their next try, so that the order holds.
    this.host.sql.all(
      `INSERT INTO outbox (target, operation, request_id, command, due_at)
       VALUES (?, ?, ?, ?,
         max(?, coalesce((SELECT max(due_at) FROM outbox WHERE target = ? AND attempt < ?), 0)))`,
      to,
      operation,
      request_id,
      JSON.stringify(command),
      now,
      to,
      ORDERED_ATTEMPTS_MAX,
    );
    this.#hasNewEffects = true;
    // The pump delivers right after the commit; the alarm is for an instance that dies before.
    this.wakeAt(now + EFFECT_ALARM_MS);
  }
  #hasNewEffects = false;

  #enqueue(run: () => void): void {
    this.#waiting.push({ run });
    if (!this.#isCommitting) this.#runTurn();
  }

  /** Runs everything that waits, then lets the next turn begin when this one's commit is durable. */
  #runTurn(): void {
    this.#isCommitting = true;
    const operations = this.#waiting;
    this.#waiting = [];
    this.#isInTurn = true;
    for (const { run } of operations) run();
    this.#isInTurn = false;
    this.#storeAlarm();
    const hasEffects = this.#hasNewEffects;
    this.#hasNewEffects = false;
    const goOn = () => {
      if (this.#isRetiring) {
        this.host.background(this.#deleteAll().then(goOn));
        return;
      }
      this.#isCommitting = false;
      if (hasEffects) this.host.background(this.#pump());
      if (this.#waiting.length > 0) this.#runTurn();
    };
    this.host.sync().then(goOn, (error: unknown) => {
      // The platform resets the object after a failed commit; a host that does not must start from what is stored.
      this.host.log({ event: "commit_failed", error: String(error) });
      this.forget();
      goOn();
    });
  }

  #createTables(): void {
    migrate(this.host.sql, this.#migrations);
    this.#hasTables = true;
  }

  #applyDeadlines(): void {
    const now = this.host.now();
    if (!this.#hasTables || now < this.#alarmAt) return;
    const swept = this.#guard("sweep", () => {
      this.sweep(now);
      return { ok: true, value: null };
    });
    const isSwept = "ok" in swept && swept.ok;
    const own = this.earliestDeadline() ?? Number.POSITIVE_INFINITY;
    const effect = first<{ due_at: number | null }>(
      this.host.sql,
      "SELECT min(due_at) AS due_at FROM outbox",
    )?.due_at;
    // A sweep that leaves overdue work asks for the next turn, not for this instant again and again; one that fails would
    // likely fail at once again.
    const earliest = now + (isSwept ? 1 : SWEEP_RETRY_MS);
    const isEffectDue = effect !== null && effect !== undefined && effect <= now;
    // What is due is delivered right after this turn; until it has arrived the alarm only stands behind that.
    const delivery = isEffectDue ? now + EFFECT_ALARM_MS : (effect ?? Number.POSITIVE_INFINITY);
    this.#alarmAt = Math.max(Math.min(own, delivery), earliest);
    this.#isAlarmMoved = true;
    if (isEffectDue) this.#hasNewEffects = true;
  }

  #guard(operation: string, body: () => Answer<unknown>): Answer<unknown> {
    const hadTables = this.#hasTables;
    try {
      return this.host.transaction(body);
    } catch (error) {
      this.#hasTables = hadTables;
      this.forget();
      this.host.log({
        event: error instanceof InvariantViolation ? "invariant_violated" : "operation_failed",
        object: formatAddress(this.host.address),
        operation,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        ...(error instanceof InvariantViolation && { invariant: error.invariant, state: error.state }),
      });
      return refuse("unavailable", undefined, { retry_after_seconds: 1 });
    }
  }

  /** Delivers due effects, in order for each target, all targets side by side, until none is left that is due. */
  async #pump(): Promise<void> {
    for (;;) {
      const targets = this.host.sql.all<{ target: string }>(
        `SELECT DISTINCT target FROM outbox WHERE due_at <= ? AND ${NOT_IN_FLIGHT} LIMIT ?`,
        this.host.now(),
        this.#inFlight(),
        TARGETS_PER_PUMP_MAX,
      );
      if (targets.length === 0) break;
      await Promise.all(targets.map(({ target }) => this.#deliverTo(target)));
    }
    const due = first<{ due_at: number | null }>(
      this.host.sql,
      `SELECT min(due_at) AS due_at FROM outbox WHERE ${NOT_IN_FLIGHT}`,
      this.#inFlight(),
    )?.due_at;
    if (due !== null && due !== undefined) this.wakeAt(Math.max(due, this.host.now() + 1));
  }

  #inFlight(): string {
    return JSON.stringify([...this.#targetsInFlight]);
  }

  /** Delivers what is due to one target, also what comes up meanwhile, until it refuses or nothing is left. */
  async #deliverTo(target: string): Promise<void> {
    this.#targetsInFlight.add(target);
    try {
      for (;;) {
        const effects = this.host.sql.all<OutboxRow>(
          "SELECT * FROM outbox WHERE target = ? AND due_at <= ? ORDER BY seq LIMIT ?",
          target,
          this.host.now(),
          EFFECTS_PER_LOOK_MAX,
        );
        if (effects.length === 0) return;
        for (const effect of effects) if (!(await this.#deliver(effect))) return;
      }
    } finally {
      this.#targetsInFlight.delete(target);
    }
  }

  async #deliver(row: OutboxRow): Promise<boolean> {
    const target = parseAddress(row.target);
    if (target === undefined) return false;
    const effect: Effect = {
      seq: row.seq,
      target,
      operation: row.operation,
      request_id: row.request_id,
      command: JSON.parse(row.command),
    };
    const result = await this.host.call({
      v: ENVELOPE_VERSION,
      address: target,
      actor: formatAddress(this.host.address),
      request_id: row.request_id,
      operation: row.operation,
      command: effect.command,
    });
    const isRefused =
      !result.ok && (result.error.code === "unavailable" || result.error.code === "overloaded");
    let isSettled = false;
    if (!isRefused)
      await this.turn(`settle ${row.operation}`, () => {
        const wasThere =
          this.host.sql.all("DELETE FROM outbox WHERE seq = ? RETURNING seq", row.seq).length > 0;
        if (wasThere) this.settleEffect(effect, result);
        isSettled = true;
      });
    // An answer that could not be taken in is as good as none: asking again at once would fail the same way.
    if (!isSettled)
      await this.turn(`retry ${row.operation}`, () => {
        const due = this.host.now() + Math.min(RETRY_FIRST_MS * 2 ** Math.min(row.attempt, 16), RETRY_MAX_MS);
        this.host.sql.all(
          `UPDATE outbox SET attempt = attempt + (seq = ?), due_at = max(due_at, ?)
            WHERE seq = ? OR (target = ? AND ? < ${ORDERED_ATTEMPTS_MAX})`,
          row.seq,
          due,
          row.seq,
          row.target,
          row.attempt,
        );
        if (row.attempt >= ORDERED_ATTEMPTS_MAX) {
          this.host.log({
            event: "effect_stuck",
            object: formatAddress(this.host.address),
            ...effect,
            attempt: row.attempt,
          });
        }
        this.wakeAt(due);
      });
    return isSettled;
  }
}
