/** The tables of a journal: one row takes many logs, and its summary lets a filter pass it by unopened. */
import type { ShardKey } from "../../contract/ids.ts";
import type { Log } from "../../contract/wire/logs.ts";
import { decodeLine } from "../../domain/journal/log-line.ts";
import type { Ranges } from "../../domain/journal/sequences.ts";
import type { ChunkSummary, WritePlan } from "../../domain/journal/write-logs.ts";
import { first, type Sql } from "../shared/sql.ts";

const SUMMARY =
  "flow_run_id, place, log_count, characters, level_min, level_max, timestamp_min, timestamp_max";
/** Chunks that one look after a place reads. */
const CHUNKS_AFTER_MAX = 16;

export class JournalStore {
  readonly #sql: Sql;
  readonly #key: ShardKey;

  /** `key` is the shard key that the ids of the logs carry. */
  constructor(sql: Sql, key: ShardKey) {
    this.#sql = sql;
    this.#key = key;
  }

  lastChunk(flowRunId: string): ChunkSummary | undefined {
    return first<ChunkSummary>(
      this.#sql,
      `SELECT ${SUMMARY} FROM chunk WHERE flow_run_id = ? ORDER BY place DESC LIMIT 1`,
      flowRunId,
    );
  }

  seen(flowRunId: string, attemptId: string): Ranges {
    const row = first<{ ranges: string }>(
      this.#sql,
      "SELECT ranges FROM attempt WHERE flow_run_id = ? AND attempt_id = ?",
      flowRunId,
      attemptId,
    );
    return row === undefined ? [] : (JSON.parse(row.ranges) as Ranges);
  }

  apply(plan: WritePlan): void {
    for (const chunk of plan.chunks) {
      if (chunk.is_addition)
        this.#sql.all(
          `UPDATE chunk SET lines = lines || char(10) || ?, log_count = ?, characters = ?, level_min = ?, level_max = ?,
             timestamp_min = ?, timestamp_max = ? WHERE flow_run_id = ? AND place = ?`,
          chunk.lines,
          chunk.log_count,
          chunk.characters,
          chunk.level_min,
          chunk.level_max,
          chunk.timestamp_min,
          chunk.timestamp_max,
          chunk.flow_run_id,
          chunk.place,
        );
      else
        this.#sql.all(
          `INSERT INTO chunk (${SUMMARY}, lines) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          chunk.flow_run_id,
          chunk.place,
          chunk.log_count,
          chunk.characters,
          chunk.level_min,
          chunk.level_max,
          chunk.timestamp_min,
          chunk.timestamp_max,
          chunk.lines,
        );
    }
    for (const { flow_run_id, attempt_id, ranges } of plan.attempts)
      this.#sql.all(
        `INSERT INTO attempt (flow_run_id, attempt_id, ranges) VALUES (?, ?, ?)
           ON CONFLICT (flow_run_id, attempt_id) DO UPDATE SET ranges = excluded.ranges`,
        flow_run_id,
        attempt_id,
        JSON.stringify(ranges),
      );
  }

  /** The chunks of some runs, or of all. */
  listChunks(flowRunIds: readonly string[] | undefined): ChunkSummary[] {
    if (flowRunIds === undefined) return this.#sql.all<ChunkSummary>(`SELECT ${SUMMARY} FROM chunk`);
    return [...new Set(flowRunIds)].flatMap((id) =>
      this.#sql.all<ChunkSummary>(`SELECT ${SUMMARY} FROM chunk WHERE flow_run_id = ? ORDER BY place`, id),
    );
  }

  openChunk({ flow_run_id, place }: ChunkSummary): Log[] {
    const row = first<{ lines: string }>(
      this.#sql,
      "SELECT lines FROM chunk WHERE flow_run_id = ? AND place = ?",
      flow_run_id,
      place,
    );
    const run = flow_run_id === "" ? null : flow_run_id;
    return row === undefined ? [] : row.lines.split("\n").map((line) => decodeLine(line, this.#key, run));
  }

  /** The chunks of a run that end after a place, the first few of them, in order. */
  listChunksAfter(flowRunId: string, place: number): ChunkSummary[] {
    return this.#sql
      .all<ChunkSummary>(
        `SELECT ${SUMMARY} FROM chunk WHERE flow_run_id = ? AND place >= coalesce(
           (SELECT max(place) FROM chunk WHERE flow_run_id = ? AND place <= ?), 0) ORDER BY place LIMIT ?`,
        flowRunId,
        flowRunId,
        place,
        CHUNKS_AFTER_MAX,
      )
      .filter((chunk) => chunk.place + chunk.log_count > place);
  }

  /** The place of the first chunk of a run with a log since an instant; its end where there is none. */
  findPlace(flowRunId: string, since: string): number {
    const found = first<{ place: number }>(
      this.#sql,
      "SELECT place FROM chunk WHERE flow_run_id = ? AND timestamp_max >= ? ORDER BY place LIMIT 1",
      flowRunId,
      since,
    );
    if (found !== undefined) return found.place;
    const last = this.lastChunk(flowRunId);
    return last === undefined ? 0 : last.place + last.log_count;
  }

  deleteRun(flowRunId: string): void {
    this.#sql.all("DELETE FROM chunk WHERE flow_run_id = ?", flowRunId);
    this.#sql.all("DELETE FROM attempt WHERE flow_run_id = ?", flowRunId);
  }

  /** When everything here may go, in milliseconds; undefined before the first write. */
  expiresAt(): number | undefined {
    return first<{ expires_at: number }>(this.#sql, "SELECT expires_at FROM retention")?.expires_at;
  }

  setExpiresAt(at: number): void {
    this.#sql.all(
      "INSERT INTO retention (id, expires_at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at",
      at,
    );
  }
}
