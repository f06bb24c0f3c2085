/** `/ui`: what Prefect's dashboard asks at once for many flows or runs (source: Prefect's `server/api/ui`). */
import { z } from "zod";
import { PAGE_MAX } from "../../contract/bounds.ts";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import { Id, InstantOut, JsonObject } from "../../contract/wire/common.ts";
import { FlowRunsCountBody, FLOW_RUN_SORTS } from "../../contract/wire/filters.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { StateType } from "../../contract/wire/states.ts";
import { listFormFaults } from "../../domain/catalog/form-faults.ts";
import { call, factory, fail, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { hydrateValues } from "../placeholders.ts";
import { checkPage } from "../pools.ts";
import { findRuns } from "../run-queries.ts";
import { countTaskRuns } from "../task-run-queries.ts";
import { body } from "../validation.ts";

const describe = describeResource("Dashboard");
const FLOWS_MAX = 200;
const RUNS_MAX = 1000;
const FlowIds = z.object({ flow_ids: z.array(Id).max(FLOWS_MAX) });
const RunIds = z.object({ flow_run_ids: z.array(Id).max(FLOWS_MAX) });
const SimpleRun = z.object({
  id: Id,
  state_type: StateType.nullable(),
  timestamp: InstantOut.nullable(),
  /** Seconds. */
  duration: z.number(),
  /** Seconds. */
  lateness: z.number(),
});
const NextRun = z.object({
  id: Id,
  flow_id: Id,
  name: z.string(),
  state_name: z.string().nullable(),
  state_type: StateType.nullable(),
  next_scheduled_start_time: InstantOut.nullable(),
});
/** JSON schemas nest, and so do faults: what the dashboard gets is described no further. */
const FormAnswer = z.object({ errors: z.array(z.unknown()), valid: z.boolean() });
const FormBody = z.object({ schema: JsonObject, values: JsonObject });
const HistoryBody = FlowRunsCountBody.omit({ work_pool_queues: true }).extend({
  sort: z.enum(FLOW_RUN_SORTS).nullish(),
  limit: z.int().min(0).max(RUNS_MAX).nullish(),
  offset: z.int().min(0).nullish(),
});

/** The runs of flows that are to start first, in their order. */
async function listNextRuns(c: ApiContext, flow_ids: string[], limit: number): Promise<FlowRun[]> {
  return findRuns(c, {
    flows: { id: { any_: flow_ids } },
    flow_runs: { state: { type: { any_: ["SCHEDULED"] } } },
    sort: "NEXT_SCHEDULED_START_TIME_ASC",
    limit,
    offset: 0,
  });
}

/** The next run of each flow. Those whose first run comes after a whole page of others' are asked for one by one. */
async function findNextRuns(c: ApiContext, flow_ids: string[]): Promise<Map<string, FlowRun>> {
  const page = await listNextRuns(c, flow_ids, PAGE_MAX);
  const next = new Map(page.toReversed().map((run) => [run.flow_id, run]));
  const missing = page.length < PAGE_MAX ? [] : flow_ids.filter((id) => !next.has(id));
  for (const id of missing) {
    const [run] = await listNextRuns(c, [id], 1);
    if (run !== undefined) next.set(id, run);
  }
  return next;
}

export const ui = factory
  .createApp()
  .post(
    "/flows/count-deployments",
    describe("Count the deployments of flows", 200, z.record(z.string(), z.int())),
    body(FlowIds),
    async (c) => {
      const flow_ids = c.req.valid("json").flow_ids.map((id) => id.toLowerCase());
      const address = addressOfWorkspace(c.get("workspace"));
      const counts = await call(c, address, "count_deployments_of", { flow_ids });
      return c.json(Object.fromEntries(flow_ids.map((id) => [id, counts[id] ?? 0])));
    },
  )
  .post(
    "/flows/next-runs",
    describe("Find the next run of each flow", 200, z.record(z.string(), NextRun.nullable())),
    body(FlowIds),
    async (c) => {
      const flow_ids = [...new Set(c.req.valid("json").flow_ids.map((id) => id.toLowerCase()))];
      const next = await findNextRuns(c, flow_ids);
      return c.json(
        Object.fromEntries(
          flow_ids.map((flow_id) => {
            const run = next.get(flow_id);
            if (run === undefined) return [flow_id, null];
            const { id, name, state_name, state_type, next_scheduled_start_time } = run;
            return [flow_id, { id, flow_id, name, state_name, state_type, next_scheduled_start_time }];
          }),
        ),
      );
    },
  )
  .post(
    "/flow_runs/history",
    describe("List flow runs with little of each", 200, z.array(SimpleRun)),
    body(HistoryBody),
    async (c) => {
      const { sort, limit, offset, ...filter } = c.req.valid("json");
      const page = { limit: limit ?? RUNS_MAX, offset: offset ?? 0 };
      checkPage(page);
      const runs = await findRuns(c, { ...filter, ...page, sort: sort ?? "EXPECTED_START_TIME_DESC" });
      return c.json(
        runs.map((run) => ({
          id: run.id,
          state_type: run.state_type,
          timestamp: run.start_time ?? run.expected_start_time,
          duration: run.estimated_run_time,
          lateness: run.estimated_start_time_delta,
        })),
      );
    },
  )
  .post(
    "/flow_runs/count-task-runs",
    describe("Count the task runs of flow runs", 200, z.record(z.string(), z.int())),
    body(RunIds),
    async (c) => {
      const ids = [...new Set(c.req.valid("json").flow_run_ids.map((id) => id.toLowerCase()))];
      const counts = await Promise.all(
        ids.map(async (id) => [id, await countTaskRuns(c, { flow_runs: { id: { any_: [id] } } })] as const),
      );
      return c.json(Object.fromEntries(counts));
    },
  )
  .post(
    "/schemas/validate",
    describe("Check the values of a form by a JSON schema", 200, FormAnswer),
    body(FormBody),
    async (c) => {
      const { schema, values: sent } = c.req.valid("json");
      const { values, faults } = await hydrateValues(c, sent);
      const errors = listFormFaults(schema, values, faults);
      if (errors === undefined) return fail("invalid", "Invalid schema: values cannot be checked by it.");
      return c.json({ errors, valid: errors.length === 0 });
    },
  );
