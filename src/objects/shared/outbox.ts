/**
 * Effects that must happen on other objects: rows written in the transaction that wants them, delivered until they are
 * acknowledged, in order for each target.
 */
import {
  ENVELOPE_VERSION,
  formatAddress,
  parseAddress,
  type ObjectAddress,
} from "../../contract/envelope.ts";
import type { Result } from "../../contract/errors.ts";
import type { ObjectHost } from "./host.ts";
import { first } from "./sql.ts";

/** The first table of every object. */
export const OUTBOX_TABLE = `CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY, target TEXT NOT NULL, operation TEXT NOT NULL, request_id TEXT NOT NULL,
  command TEXT NOT NULL, attempt INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL)`;

/** An effect on another object, as it lies in the outbox. */
export interface Effect {
  seq: number;
  target: ObjectAddress;
  operation: string;
  request_id: string;
  command: unknown;
}

interface OutboxRow {
  seq: number;
  target: string;
  operation: string;
  request_id: string;
  command: string;
  attempt: number;
}

export interface OutboxLinks {
  /** Whether the object has tables; one that retires takes its outbox with it. */
  isPresent(): boolean;
  /** Runs `body` as an operation of the object. Resolves when it has run. */
  turn(name: string, body: () => void): Promise<void>;
  wakeAt(at: number): void;
  /** The target has answered for good. */
  settle(effect: Effect, result: Result<unknown>): void;
}

/** The alarm that stands behind the delivery of an effect rings after this long. */
export const EFFECT_ALARM_MS = 1000;
const TARGETS_PER_PUMP_MAX = 64;
const EFFECTS_PER_LOOK_MAX = 64;
/** Effects whose target is not being delivered to right now; the deliverer that is there sees to the others. */
const NOT_IN_FLIGHT = "target NOT IN (SELECT value FROM json_each(?))";
/**
 * An effect that failed so often (about three minutes) no longer holds back those behind it: a target that is away
 * refuses all of them anyway, but one that cannot digest this one must still hear of releases.
 */
const ORDERED_ATTEMPTS_MAX = 12;
const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 30_000;

export class Outbox {
  readonly #host: ObjectHost;
  readonly #links: OutboxLinks;
  readonly #targetsInFlight = new Set<string>();
  /** Something was sent, or has become due, that no pump has seen yet. */
  hasNews = false;

  constructor(host: ObjectHost, links: OutboxLinks) {
    this.#host = host;
    this.#links = links;
  }

  /** Stores an effect in the transaction that runs now. */
  send(target: ObjectAddress, operation: string, request_id: string, command: unknown): void {
    const now = this.#host.now();
    const to = formatAddress(target);
    // Behind effects on the same target that wait for their next try, so that the order holds.
    this.#host.sql.all(
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
    this.hasNews = true;
    // The pump delivers right after the commit; the alarm is for an instance that dies before.
    this.#links.wakeAt(now + EFFECT_ALARM_MS);
  }

  /** Tells whether an effect on `target` whose request id begins like this is still to be acknowledged. */
  isSending(target: ObjectAddress, id_prefix: string): boolean {
    return (
      first(
        this.#host.sql,
        "SELECT 1 FROM outbox WHERE target = ? AND substr(request_id, 1, ?) = ? LIMIT 1",
        formatAddress(target),
        id_prefix.length,
        id_prefix,
      ) !== undefined
    );
  }

  /** When the next effect is due; undefined when there is none. */
  earliestDue(): number | undefined {
    return (
      first<{ due_at: number | null }>(this.#host.sql, "SELECT min(due_at) AS due_at FROM outbox")?.due_at ??
      undefined
    );
  }

  /** Delivers due effects, all targets side by side, until none is left that is due. */
  async pump(): Promise<void> {
    while (this.#links.isPresent()) {
      const targets = this.#listTargets();
      if (targets.length === 0) break;
      await Promise.all(targets.map((target) => this.#deliverTo(target)));
    }
    if (!this.#links.isPresent()) return;
    const due = first<{ due_at: number | null }>(
      this.#host.sql,
      `SELECT min(due_at) AS due_at FROM outbox WHERE ${NOT_IN_FLIGHT}`,
      this.#inFlight(),
    )?.due_at;
    if (due !== null && due !== undefined) this.#links.wakeAt(Math.max(due, this.#host.now() + 1));
  }

  /** Targets with due effects to which nothing is being delivered right now. */
  #listTargets(): string[] {
    const { sql } = this.#host;
    const now = this.#host.now();
    const some = sql.all<{ target: string }>(
      "SELECT target FROM outbox WHERE due_at <= ? LIMIT ?",
      now,
      TARGETS_PER_PUMP_MAX,
    );
    const all =
      some.length < TARGETS_PER_PUMP_MAX
        ? some
        : sql.all<{ target: string }>(
            `SELECT DISTINCT target FROM outbox WHERE due_at <= ? AND ${NOT_IN_FLIGHT} LIMIT ?`,
            now,
            this.#inFlight(),
            TARGETS_PER_PUMP_MAX,
          );
    return [...new Set(all.map(({ target }) => target))].filter(
      (target) => !this.#targetsInFlight.has(target),
    );
  }

  #inFlight(): string {
    return JSON.stringify([...this.#targetsInFlight]);
  }

  /** Delivers what is due to one target, also what comes up meanwhile, until it refuses or nothing is left. */
  async #deliverTo(to: string): Promise<void> {
    const target = parseAddress(to);
    if (target === undefined) throw new Error(`The outbox holds an effect on ${to}, which is no object.`);
    this.#targetsInFlight.add(to);
    try {
      while (this.#links.isPresent()) {
        const rows = this.#host.sql.all<OutboxRow>(
          "SELECT * FROM outbox WHERE target = ? AND due_at <= ? ORDER BY seq LIMIT ?",
          to,
          this.#host.now(),
          EFFECTS_PER_LOOK_MAX,
        );
        if (rows.length === 0) return;
        for (const row of rows) if (!(await this.#deliver(row, target))) return;
      }
    } finally {
      this.#targetsInFlight.delete(to);
    }
  }

  /** Delivers one effect. False: it must be tried again, and those behind it wait. */
  async #deliver(row: OutboxRow, target: ObjectAddress): Promise<boolean> {
    const { seq, operation, request_id } = row;
    const effect: Effect = { seq, target, operation, request_id, command: JSON.parse(row.command) };
    const result = await this.#host.call({
      v: ENVELOPE_VERSION,
      address: target,
      actor: formatAddress(this.#host.address),
      request_id,
      operation,
      command: effect.command,
    });
    const isRefused =
      !result.ok && (result.error.code === "unavailable" || result.error.code === "overloaded");
    let isSettled = false;
    if (!isRefused)
      await this.#links.turn(`settle ${operation}`, () => {
        const wasThere = this.#host.sql.all("DELETE FROM outbox WHERE seq = ? RETURNING seq", seq).length > 0;
        if (wasThere) this.#links.settle(effect, result);
        isSettled = true;
      });
    // An answer that could not be taken in is as good as none: asking again at once would fail the same way.
    if (!isSettled) await this.#links.turn(`retry ${operation}`, () => this.#postpone(row, effect));
    return isSettled;
  }

  #postpone({ seq, target, attempt }: OutboxRow, effect: Effect): void {
    const due = this.#host.now() + Math.min(RETRY_FIRST_MS * 2 ** Math.min(attempt, 16), RETRY_MAX_MS);
    this.#host.sql.all(
      `UPDATE outbox SET attempt = attempt + (seq = ?), due_at = max(due_at, ?)
        WHERE seq = ? OR (target = ? AND ? < ?)`,
      seq,
      due,
      seq,
      target,
      attempt,
      ORDERED_ATTEMPTS_MAX,
    );
    if (attempt >= ORDERED_ATTEMPTS_MAX)
      this.#host.log({
        event: "effect_stuck",
        object: formatAddress(this.#host.address),
        ...effect,
        attempt,
      });
    this.#links.wakeAt(due);
  }
}
