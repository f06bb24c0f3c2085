/** `/flow_runs` in bulk: histories, averages, and changes of many runs at once (source: wire §4.11). */
import { z } from "zod";
import { FlowRunsCountBody } from "../../contract/wire/filters.ts";
import { Id } from "../../contract/wire/common.ts";
import type { FlowRunFilter } from "../../contract/wire/filters.ts";
import {
  BULK_RUNS_MAX,
  BulkSetStateAnswer,
  FlowRunHistoryBody,
  FlowRunsBulkDeleteBody,
  FlowRunsBulkSetStateBody,
  HistoryInterval,
} from "../../contract/wire/run-summaries.ts";
import { readRun } from "../acquire.ts";
import { ApiError, call, factory, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { poolOfId } from "../pools.ts";
import { findRuns } from "../run-queries.ts";
import { averageLateness, readFlowRunHistory } from "../run-summaries.ts";
import { body } from "../validation.ts";

const describe = describeResource("Flow runs");

async function findIds(c: ApiContext, flow_runs: FlowRunFilter | null | undefined, limit: number) {
  const runs = await findRuns(c, { flow_runs, sort: "ID_DESC", limit, offset: 0 });
  return runs.map(({ id }) => ({ id, address: poolOfId(c, id, "flow_run", "Flow run not found") }));
}

/** What a call answers, or the refusal that it ends with. */
async function orRefusal<Value>(answer: Promise<Value>): Promise<Value | ApiError> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

export const manyFlowRuns = factory
  .createApp()
  .post(
    "/lateness",
    describe("Average how late flow runs start, in seconds", 200, z.number().nullable()),
    body(FlowRunsCountBody),
    async (c) => c.json(await averageLateness(c, c.req.valid("json"))),
  )
  .post(
    "/history",
    describe("Count flow runs by state and time", 200, z.array(HistoryInterval)),
    body(FlowRunHistoryBody),
    async (c) => {
      const { work_queues, ...sent } = c.req.valid("json");
      return c.json(await readFlowRunHistory(c, { ...sent, work_pool_queues: work_queues }));
    },
  )
  .post(
    "/bulk_delete",
    describe("Delete flow runs", 200, z.object({ deleted: z.array(Id) })),
    body(FlowRunsBulkDeleteBody),
    async (c) => {
      const { flow_runs, limit } = c.req.valid("json");
      const runs = await findIds(c, flow_runs, limit ?? BULK_RUNS_MAX);
      const answers = await Promise.all(
        runs.map(({ id, address }) =>
          orRefusal(call(c, address, "delete_run", { id }, { is_act: readRun(c) === null })),
        ),
      );
      const deleted = runs.flatMap(({ id }, index) => (answers[index] instanceof ApiError ? [] : [id]));
      return c.json({ deleted });
    },
  )
  .post(
    "/bulk_set_state",
    describe("Propose a state to flow runs", 200, BulkSetStateAnswer),
    body(FlowRunsBulkSetStateBody),
    async (c) => {
      const { flow_runs, state, force, limit } = c.req.valid("json");
      const runs = await findIds(c, flow_runs, limit ?? BULK_RUNS_MAX);
      const results = await Promise.all(
        runs.map(async ({ id, address }) => {
          const run = readRun(c);
          const command = { id, state, is_forced: force ?? false, run };
          const answer = await orRefusal(call(c, address, "set_state", command, { is_act: run === null }));
          if (!(answer instanceof ApiError)) return { flow_run_id: id, ...answer.result };
          const details = { type: "abort_details" as const, reason: answer.message };
          return { flow_run_id: id, state: null, status: "ABORT" as const, details };
        }),
      );
      return c.json({ results });
    },
  );
