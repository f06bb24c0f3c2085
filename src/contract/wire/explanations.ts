/** Why a run does not get on, and what would help: the answer of `GET /flow_runs/{id}/why`. */
import { z } from "zod";

export const RunExplanation = z.object({
  /** One word for programs: `pool_paused`, `queue_full`, `no_worker`, `limit` … */
  reason: z.string(),
  /** One sentence for people. */
  detail: z.string(),
  blocking: z
    .object({
      kind: z.enum(["limit", "work_pool", "work_queue", "worker"]),
      name: z.string(),
      /** Of a queue or a worker: its pool. */
      work_pool_name: z.string().nullable(),
    })
    .nullable(),
  /**
   * A command that would help. Where it takes a number that is the least with which this run gets on after all who go
   * first, while what is held stays held; should anything else be missing, `detail` says so.
   */
  help: z.string().nullable(),
  /** Place in the line that it stands in, 1 is next: its limit's, else its queue's; null where it stands in none. */
  position: z.int().nullable(),
  /** Until it gets on, as far as that can be told. */
  estimated_seconds: z.number().nullable(),
});
export type RunExplanation = z.infer<typeof RunExplanation>;
