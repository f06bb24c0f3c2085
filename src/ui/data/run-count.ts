/** How many runs of a pool, or of one of its queues, are under way, or are due and wait. */
import { useState } from "preact/hooks";
import { useQuery } from "./query.ts";

interface Of {
  pool: string;
  /** None: all queues. */
  queue_id?: string | undefined;
}

/** Undefined until it is known. */
export function useRunCount(which: "active" | "due", { pool, queue_id }: Of): number | undefined {
  // What comes due later is not asked for anew: that would be another question each second.
  const [now] = useState(() => new Date().toISOString());
  const flow_runs =
    which === "active"
      ? { state: { type: { any_: ["PENDING", "RUNNING", "CANCELLING"] } } }
      : { state: { type: { any_: ["SCHEDULED"] } }, next_scheduled_start_time: { before_: now } };
  const { value } = useQuery<number>({
    method: "POST",
    path: "/flow_runs/count",
    body: {
      flow_runs,
      work_pools: { name: { any_: [pool] } },
      ...(queue_id !== undefined && { work_pool_queues: { id: { any_: [queue_id] } } }),
    },
  });
  return value;
}
