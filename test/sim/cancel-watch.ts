/**
 * Holds cancelled runs to their end: what is CANCELLING becomes CANCELLED and nothing else, whatever its process says, unless
 * a person forces another state on it, and it does so by itself when nobody confirms it (I9).
 */
import type { StateType } from "../../src/contract/wire/states.ts";
import type { Sql } from "../../src/objects/shared/sql.ts";
import { FirstSeen } from "./first-seen.ts";
import type { SimObject } from "./objects.ts";
import type { World } from "./world.ts";

/** What the design says, whatever the code has. */
const CANCELLING_MAX_MS = 300_000;
/** How long commits that fail and calls that are on their way may put off a deadline. */
const SLACK_MS = 20_000;
/** An alarm that comes late means lost time, and so does a start of the server. */
const LATE_SLACK_MS = 900_000;
/** A state that is forced on a run is written, or lost with its turn, within so long. */
const FORCING_MS = 100;

export class CancelWatch {
  readonly #world: World;
  readonly #object: SimObject;
  readonly #sql: Sql;
  /** Runs that are being cancelled. */
  readonly #cancelling = new FirstSeen();
  /** When a person last forced a state on each run. */
  readonly #forced = new Map<string, number>();

  constructor(world: World, object: SimObject, sql: Sql) {
    [this.#world, this.#object, this.#sql] = [world, object, sql];
  }

  /** Somebody forces a state on a run. */
  noteForced(id: string): void {
    this.#forced.set(id, this.#world.now);
  }

  /** Compares what is being cancelled with what was. */
  look(): void {
    const { now, faults } = this.#world;
    const rows = this.#sql.all<{ id: string }>("SELECT id FROM flow_run WHERE state_type = 'CANCELLING'");
    const ended = this.#cancelling.look(
      rows.map(({ id }) => id),
      now,
    );
    for (const [id, since] of ended) this.#checkEnd(id, since);
    const max_ms = CANCELLING_MAX_MS + (faults.isLate ? LATE_SLACK_MS : SLACK_MS);
    if (faults.canStep) return;
    for (const [id, since] of this.#cancelling.before(now - max_ms))
      this.#world.fail("I9", `${this.#object.name} leaves run ${id} CANCELLING`, { since, now });
  }

  #checkEnd(id: string, since: number): void {
    const [run] = this.#sql.all<{ state_type: StateType | null }>(
      "SELECT state_type FROM flow_run WHERE id = ?",
      id,
    );
    const isForced = this.#world.now < (this.#forced.get(id) ?? 0) + FORCING_MS;
    if (run === undefined || run.state_type === "CANCELLED" || isForced) return;
    this.#world.fail("I6", `${this.#object.name} let run ${id} go from CANCELLING to ${run.state_type}`, {
      since,
    });
  }
}
