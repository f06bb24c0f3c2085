/** `/ui/task_runs`: what Prefect's dashboard asks of task runs (source: Prefect's `server/api/ui/task_runs.py`). */
import { z } from "zod";
import { addressOfKey } from "../../contract/envelope.ts";
import { keyOfId } from "../../contract/ids.ts";
import { formatInstant, instantToMs } from "../../contract/instants.ts";
import { STATE_TYPES, StateType } from "../../contract/wire/states.ts";
import { WorkQueueFilter } from "../../contract/wire/catalog-filters.ts";
import { WorkPoolFilter } from "../../contract/wire/filters.ts";
import { TaskRun, TaskRunsCountBody } from "../../contract/wire/task-runs.ts";
import { call, factory, fail, orIfAbsent, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { askTaskRun, summarizeTaskRuns } from "../task-run-queries.ts";
import { body, uuidParam } from "../validation.ts";

const describe = describeResource("Dashboard");
const MINUTE_MS = 60_000;
/** Columns of the dashboard's picture. */
const BUCKETS = 20;
/** Every instant lies between these. */
const ALL_TIMES = ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"];

const NamedTaskRun = TaskRun.extend({ flow_run_name: z.string().nullable() });

/** The dashboard sends filters of pools with all of its questions; task runs are not asked by them. */
const DashboardBody = TaskRunsCountBody.extend({
  work_pools: WorkPoolFilter.nullish(),
  work_queues: WorkQueueFilter.nullish(),
});

export const uiTaskRuns = factory
  .createApp()
  .post(
    "/dashboard/counts",
    describe("Count completed and failed task runs over time", 200, z.array(z.record(z.string(), z.int()))),
    body(DashboardBody),
    async (c) => {
      const { work_pools: _pools, work_queues: _queues, ...filter } = c.req.valid("json");
      const after = filter.task_runs?.start_time?.after_;
      if (typeof after !== "string") return fail("invalid", "task_runs.start_time.after_ is required.");
      const from = Math.floor(instantToMs(after) / MINUTE_MS) * MINUTE_MS;
      const until = Math.max(Math.ceil(Date.now() / MINUTE_MS) * MINUTE_MS, from + MINUTE_MS);
      const bounds = Array.from({ length: BUCKETS + 1 }, (_, index) =>
        formatInstant(from + ((until - from) * index) / BUCKETS),
      );
      const counts = Array.from({ length: BUCKETS }, () => ({ completed: 0, failed: 0 }));
      for (const { interval, state_type, count_runs } of await summarizeTaskRuns(c, filter, bounds)) {
        const bucket = counts[interval];
        if (bucket === undefined) continue;
        if (state_type === "COMPLETED") bucket.completed += count_runs;
        if (state_type === "FAILED" || state_type === "CRASHED") bucket.failed += count_runs;
      }
      return c.json(counts);
    },
  )
  .post(
    "/count",
    describe("Count task runs by state", 200, z.record(StateType, z.int())),
    body(TaskRunsCountBody),
    async (c) => {
      const counts = Object.fromEntries(STATE_TYPES.map((type) => [type, 0])) as Record<StateType, number>;
      for (const { state_type, count_runs } of await summarizeTaskRuns(c, c.req.valid("json"), ALL_TIMES))
        if (state_type !== null) counts[state_type] += count_runs;
      return c.json(counts);
    },
  )
  .get("/:id", describe("Read a task run and its flow run's name", 200, NamedTaskRun), async (c) => {
    const run = await askTaskRun(c, "read_task_run", { id: uuidParam(c, "id") });
    return c.json({ ...run, flow_run_name: await readRunName(c, run.flow_run_id) });
  });

/** Null for a task run without a flow run, and where the flow run is gone. */
async function readRunName(c: ApiContext, id: string | null): Promise<string | null> {
  const key = id === null ? undefined : keyOfId(id, "flow_run");
  if (id === null || key === undefined) return null;
  const run = await orIfAbsent(
    call(c, addressOfKey(c.get("workspace"), "pool", key), "read_run", { id }),
    null,
  );
  return run?.name ?? null;
}
