/**
 * Those who show what an object answered, and want to hear when it has changed. A read says for how long: until then each
 * turn that has changed something is told to the hub, which tells the open dashboards. That it changed, never what; and
 * where nobody watches, nothing is told and nothing written.
 */
import { addressOfHub } from "../../contract/envelope.ts";
import type { ObjectHost } from "./host.ts";
import { first } from "./sql.ts";
import { callUnstored } from "./unstored-call.ts";

/** A table of every object, an entry of its migrations. */
export const WATCH_TABLE = "CREATE TABLE watch (one INTEGER PRIMARY KEY, until INTEGER NOT NULL)";

export class Watchers {
  readonly #host: ObjectHost;
  /** Milliseconds since the epoch; undefined: not read yet. */
  #until: number | undefined;
  #seen = 0;
  #isTelling = false;
  #hasNews = false;

  constructor(host: ObjectHost) {
    this.#host = host;
  }

  /** In a transaction: somebody watches for so long from now on. A row, at most one in half that time. */
  watch(seconds: number): void {
    const { sql } = this.#host;
    const now = this.#host.now();
    const until = now + seconds * 1000;
    if (this.#read() < now) this.#seen = this.#countChanges();
    if (this.#read() - now > (seconds * 1000) / 2) return;
    sql.all(
      "INSERT INTO watch (one, until) VALUES (1, ?) ON CONFLICT DO UPDATE SET until = excluded.until",
      until,
    );
    this.#until = until;
    this.#seen += 1;
  }

  /** The object is not there yet: if it comes to be while this instance lives, that is told, too. */
  expect(seconds: number): void {
    this.#until = Math.max(this.#until ?? 0, this.#host.now() + seconds * 1000);
    this.#seen = 0;
  }

  /** A turn is over and durable. */
  settle(): void {
    if (this.#read() <= this.#host.now()) return;
    const changes = this.#countChanges();
    if (changes === this.#seen) return;
    this.#seen = changes;
    this.#hasNews = true;
    if (!this.#isTelling) this.#host.background(this.#tell());
  }

  forget(): void {
    this.#until = undefined;
  }

  #read(): number {
    this.#until ??=
      first<{ until: number }>(this.#host.sql, "SELECT until FROM watch WHERE one = 1")?.until ?? 0;
    return this.#until;
  }

  #countChanges(): number {
    return first<{ n: number }>(this.#host.sql, "SELECT total_changes() AS n")?.n ?? 0;
  }

  /** The hub answers late, so that what changes often is told now and then. */
  async #tell(): Promise<void> {
    this.#isTelling = true;
    try {
      while (this.#hasNews) {
        this.#hasNews = false;
        const { address } = this.#host;
        const answer = await callUnstored(this.#host, addressOfHub(address.workspace), "tell_changed", {
          object: `${address.kind}/${address.key}`,
        });
        const isHeard = !answer.ok || (answer.value as { is_heard: boolean }).is_heard;
        if (!isHeard) this.#until = 0;
      }
    } finally {
      this.#isTelling = false;
    }
  }
}
