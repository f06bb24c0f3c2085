/** Statuses of pools, queues and workers: derived when they are read, never stored. */
import type { PoolStatus } from "../../contract/wire/work-pools.ts";

/** A worker that sends no interval is expected this often (source: wire §4.3). */
const HEARTBEAT_SECONDS_DEFAULT = 30;
/** A worker is OFFLINE after this many intervals without a heartbeat. */
export const HEARTBEATS_MISSED_MAX = 3;
/** A queue counts as polled for this long (source: wire §4.3). */
export const POLLED_MS = 60_000;

export interface WorkerLife {
  last_heartbeat_at: number | null;
  heartbeat_interval_seconds: number | null;
  /** Of our agents: milliseconds since the epoch at which the session ends, null for other workers. */
  session_deadline: number | null;
  is_gone: boolean;
}

/** Until when a worker counts as ONLINE without saying anything more. */
export function onlineUntil(worker: WorkerLife): number {
  if (worker.is_gone) return 0;
  const interval = worker.heartbeat_interval_seconds ?? HEARTBEAT_SECONDS_DEFAULT;
  const silent = (worker.last_heartbeat_at ?? 0) + interval * HEARTBEATS_MISSED_MAX * 1000;
  return Math.max(silent, worker.session_deadline ?? 0);
}

/** Tells whether a worker counts as ONLINE at `now`. */
export function isOnline(worker: WorkerLife, now: number): boolean {
  return now < onlineUntil(worker);
}

/** Our agents hang on a socket instead of polling: while one lives, the queues that it serves count as polled. */
export function serves(
  {
    session_id,
    advertised,
  }: { session_id: string | null; advertised: { work_queue_names: readonly string[] } },
  queue_name: string,
): boolean {
  const { work_queue_names } = advertised;
  return session_id !== null && (work_queue_names.length === 0 || work_queue_names.includes(queue_name));
}

/** READY while any of its workers is online. */
export function statusOfPool(is_paused: boolean, workers: readonly WorkerLife[], now: number): PoolStatus {
  if (is_paused) return "PAUSED";
  return workers.some((worker) => isOnline(worker, now)) ? "READY" : "NOT_READY";
}

/** READY while somebody asks it for runs. */
export function statusOfQueue(is_paused: boolean, last_polled: number | null, now: number): PoolStatus {
  if (is_paused) return "PAUSED";
  return last_polled !== null && now < last_polled + POLLED_MS ? "READY" : "NOT_READY";
}
