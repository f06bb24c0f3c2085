/** SQL of the hub: stored events in the order in which they occurred. */
import type { Instant } from "../../contract/instants.ts";
import type { EventFilter, EventPlace, ReceivedEvent } from "../../contract/wire/events.ts";
import { first, type Sql } from "../shared/sql.ts";

/** Rows that one look reads. */
const ROWS_PER_LOOK = 500;
const FIRST_PLACE: EventPlace = ["", ""];
/** Above every instant. */
const LAST_PLACE: EventPlace = ["~", ""];

export class EventStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Stores an event. False: it was there. */
  write(event: ReceivedEvent): { is_new: boolean; characters: number } {
    const record = JSON.stringify(event);
    const written = this.#sql.all(
      `INSERT INTO event (occurred, id, event, resource_id, received, record) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (occurred, id) DO NOTHING RETURNING id`,
      event.occurred,
      event.id,
      event.event,
      event.resource["prefect.resource.id"] ?? "",
      event.received,
      record,
    );
    return { is_new: written.length > 0, characters: record.length };
  }

  /** The events that may match, in the filter's order, behind a place; what SQL cannot tell is left to the caller. */
  *list(filter: EventFilter, order: "ASC" | "DESC", after: EventPlace | null): Generator<ReceivedEvent> {
    const conditions: string[] = [];
    const bindings: string[] = [];
    const compare = (condition: string, value: string | null | undefined) => {
      if (typeof value !== "string") return;
      conditions.push(condition);
      bindings.push(value);
    };
    compare("occurred >= ?", filter.occurred?.since);
    compare("occurred <= ?", filter.occurred?.until);
    const anyOf = (column: string, list: readonly string[] | null | undefined) => {
      if (!list || list.length === 0) return;
      conditions.push(`${column} IN (SELECT value FROM json_each(?))`);
      bindings.push(JSON.stringify(list));
    };
    anyOf("id", filter.id?.id);
    anyOf("event", filter.event?.name);
    anyOf("resource_id", filter.resource?.id);
    const prefixes = filter.event?.prefix;
    if (prefixes && prefixes.length > 0) {
      conditions.push(
        "EXISTS (SELECT 1 FROM json_each(?) wanted WHERE instr(event.event, wanted.value) = 1)",
      );
      bindings.push(JSON.stringify(prefixes));
    }
    const [comparison, start] = order === "ASC" ? [">", FIRST_PLACE] : ["<", LAST_PLACE];
    const where = ["(occurred, id) " + comparison + " (?, ?)", ...conditions].join(" AND ");
    for (let place = after ?? start; ;) {
      const rows = this.#sql.all<{ occurred: Instant; id: string; record: string }>(
        `SELECT occurred, id, record FROM event WHERE ${where} ORDER BY occurred ${order}, id ${order} LIMIT ?`,
        ...place,
        ...bindings,
        ROWS_PER_LOOK,
      );
      for (const { record } of rows) yield JSON.parse(record) as ReceivedEvent;
      const last = rows.at(-1);
      if (last === undefined || rows.length < ROWS_PER_LOOK) return;
      place = [last.occurred, last.id];
    }
  }

  /** Deletes up to `max` events that occurred before an instant. True: there may be more. */
  deleteBefore(cutoff: Instant, max: number): boolean {
    const deleted = this.#sql.all(
      `DELETE FROM event WHERE (occurred, id) IN
         (SELECT occurred, id FROM event WHERE occurred < ? ORDER BY occurred, id LIMIT ?) RETURNING id`,
      cutoff,
      max,
    );
    return deleted.length === max;
  }

  /** Deletes events of clocks that run ahead, once they have been here for long. */
  deleteAhead(from: Instant, received_before: Instant): void {
    this.#sql.all("DELETE FROM event WHERE occurred > ? AND received < ?", from, received_before);
  }

  /** When the oldest event occurred. */
  earliest(): Instant | undefined {
    return (
      first<{ occurred: Instant | null }>(this.#sql, "SELECT min(occurred) AS occurred FROM event")
        ?.occurred ?? undefined
    );
  }

  addVolume(hour: string, characters: number): void {
    this.#sql.all(
      `INSERT INTO volume (hour, characters) VALUES (?, ?)
         ON CONFLICT (hour) DO UPDATE SET characters = characters + excluded.characters`,
      hour,
      characters,
    );
  }

  /** What is stored of each hour, the oldest first. */
  listVolumes(): { hour: string; characters: number }[] {
    return this.#sql.all("SELECT hour, characters FROM volume ORDER BY hour");
  }

  deleteVolumesBefore(hour: string): void {
    this.#sql.all("DELETE FROM volume WHERE hour < ?", hour);
  }

  /** Until when events are of interest, in milliseconds; 0 where they never were. */
  interestedUntil(): number {
    return first<{ until: number }>(this.#sql, "SELECT until FROM interest")?.until ?? 0;
  }

  setInterestedUntil(until: number): void {
    this.#sql.all(
      "INSERT INTO interest (one, until) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET until = excluded.until",
      until,
    );
  }

  /** A pool has events and may have to be told when they are wanted. */
  addSource(pool_key: string): void {
    this.#sql.all("INSERT INTO source (pool_key) VALUES (?) ON CONFLICT DO NOTHING", pool_key);
  }

  listSources(): string[] {
    return this.#sql.all<{ pool_key: string }>("SELECT pool_key FROM source").map(({ pool_key }) => pool_key);
  }
}
