/** What a change of a pool or of a queue would do to its runs, as the pool itself says it, and again when that changes. */
import { DUE_COUNTED_MAX } from "../../contract/bounds.ts";
import type { ChangePreview, PreviewedChange } from "../../contract/wire/work-pools.ts";
import { countOf } from "../data/preview.ts";
import { useQuery, type Query } from "../data/query.ts";

/** A pool, or one of its queues. */
export interface PoolPart {
  pool: string;
  /** None: all of the pool. */
  queue_id?: string | undefined;
}

/** As an answer: until it is known a dialog says so. */
export function useChangePreview(
  { pool, queue_id }: PoolPart,
  change: NonNullable<PreviewedChange["pool"]>,
): Query<ChangePreview> {
  const body: PreviewedChange =
    queue_id === undefined ? { pool: change } : { queue: { id: queue_id, ...change } };
  return useQuery<ChangePreview>({
    method: "POST",
    path: `/work_pools/${encodeURIComponent(pool)}/preview_change`,
    body,
  });
}

/** In place of what a change would do, until that is known. */
export function Unforeseen({ query: { error } }: { query: Pick<Query<unknown>, "error"> }) {
  if (error === undefined) return <>What that would do is being asked …</>;
  return (
    <>
      What that would do could not be learnt{error.isPassing && ", and is asked again"}: {error.message}
    </>
  );
}

const OBSTACLES: Record<NonNullable<ChangePreview["blocked_by"]>, string> = {
  workers: "no worker that is online has room for them",
  pool_limit: "the limit of the pool has no slot left",
  queue_limit: "the limit of the queue has no slot left",
  pool_paused: "the pool is paused",
  queue_paused: "the queue is paused",
};

/** How many of those who wait would begin, and what would keep the others. */
export function sayBegins({ due, begins, blocked_by }: ChangePreview): string {
  if (due === 0) return "None waits now.";
  const ofThem = `Of ${countDue(due)} that ${due === 1 ? "waits" : "wait"}`;
  const why = blocked_by === null ? "" : OBSTACLES[blocked_by];
  if (begins > 0) return `${ofThem} up to ${begins} would begin now${why === "" ? "" : `, no more: ${why}`}.`;
  return why === "" ? `${ofThem} all begin without that, too.` : `${ofThem} none would begin now: ${why}.`;
}

/** Those that are due, as far as they are counted. */
export function countDue(due: number): string {
  return `${countOf(due, "run")}${due >= DUE_COUNTED_MAX ? " or more" : ""}`;
}
