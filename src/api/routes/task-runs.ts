/** `/task_runs` and `/task_run_states`: created for subflows and background tasks, else built from events (source: wire §4.9). */
import { z } from "zod";
import { dayOfId, formatId, keyOfId } from "../../contract/ids.ts";
import { journalOfTaskRun, NO_POOL_KEY } from "../../contract/journals.ts";
import { Id } from "../../contract/wire/common.ts";
import { HistoryInterval } from "../../contract/wire/run-summaries.ts";
import { OrchestrationResult, SetState, State } from "../../contract/wire/states.ts";
import {
  TaskRun,
  TaskRunCreate,
  TaskRunsCountBody,
  TaskRunsFilterBody,
  TaskRunsHistoryBody,
  TaskRunsPaginateBody,
  TaskRunUpdate,
} from "../../contract/wire/task-runs.ts";
import { startOfDay } from "../../domain/pool/journal-days.ts";
import { call, factory, orIfAbsent } from "../context.ts";
import { describeResource } from "../describe.ts";
import { acceptHubSocket } from "../hub-socket.ts";
import { answerPage, numberedPage, windowOf } from "../numbered-pages.ts";
import { checkPage } from "../pools.ts";
import { readTaskRunHistory } from "../run-summaries.ts";
import { askTaskRun, countTaskRuns, findTaskRuns } from "../task-run-queries.ts";
import { body, query, uuidParam } from "../validation.ts";

const describe = describeResource("Task runs");
const DAY_MS = 86_400_000;

const StatesQuery = z.object({ task_run_id: Id });

/**
 * An id that leads to the journal of the flow run: with its key, and a time on its day, which is now while that day
 * lasts. Without a flow run of ours it leads to the journal of what belongs to no pool.
 */
function mintTaskRunId(flow_run_id: string | null, now: number): string {
  const random = crypto.getRandomValues(new Uint32Array(2));
  const day = flow_run_id === null ? undefined : dayOfId(flow_run_id);
  const start = day === undefined ? Math.floor(now / DAY_MS) * DAY_MS : startOfDay(day);
  const isToday = now >= start && now < start + DAY_MS;
  return formatId({
    layout: "task_run",
    key: (flow_run_id === null ? undefined : keyOfId(flow_run_id, "flow_run")) ?? NO_POOL_KEY,
    version: 7,
    head: isToday ? now : start + ((random[0] ?? 0) % DAY_MS),
    tail: (random[1] ?? 0) % 2 ** 22,
  });
}

export const taskRuns = factory
  .createApp()
  .post(
    "/",
    describe("Create a task run; 200 when one with these keys exists", 201, TaskRun),
    body(TaskRunCreate),
    async (c) => {
      const wanted = c.req.valid("json");
      const now = Date.now();
      const flow_run_id = wanted.flow_run_id?.toLowerCase() ?? null;
      const id = wanted.id?.toLowerCase() ?? mintTaskRunId(flow_run_id, now);
      const address = journalOfTaskRun(c.get("workspace"), { task_run_id: id, flow_run_id }, now);
      const command = { task_run: { ...wanted, id, flow_run_id } };
      const { task_run, was_created } = await call(c, address, "create_task_run", command);
      return c.json(task_run, was_created ? 201 : 200);
    },
  )
  .post("/filter", describe("List task runs", 200, z.array(TaskRun)), body(TaskRunsFilterBody), async (c) => {
    const filter = c.req.valid("json");
    checkPage(filter);
    return c.json(await findTaskRuns(c, filter));
  })
  .post(
    "/paginate",
    describe("List task runs by numbered pages", 200, numberedPage(TaskRun)),
    body(TaskRunsPaginateBody),
    async (c) => {
      const { sort, limit, page, ...filter } = c.req.valid("json");
      const window = windowOf({ limit, page });
      checkPage(window);
      const [results, count] = await Promise.all([
        findTaskRuns(c, { ...filter, sort, ...window }),
        countTaskRuns(c, filter),
      ]);
      return c.json(answerPage({ limit, page }, results, count));
    },
  )
  .post("/count", describe("Count task runs", 200, z.int()), body(TaskRunsCountBody), async (c) =>
    c.json(await countTaskRuns(c, c.req.valid("json"))),
  )
  .post(
    "/history",
    describe("Count task runs by time and state", 200, z.array(HistoryInterval)),
    body(TaskRunsHistoryBody),
    async (c) => c.json(await readTaskRunHistory(c, c.req.valid("json"))),
  )
  .get(
    "/subscriptions/scheduled",
    describe("A socket on which background tasks come to the process that serves them", 101),
    (c) => acceptHubSocket(c, "tasks"),
  )
  .get("/:id", describe("Read a task run", 200, TaskRun), async (c) =>
    c.json(await askTaskRun(c, "read_task_run", { id: uuidParam(c, "id") })),
  )
  .patch("/:id", describe("Rename a task run", 204), body(TaskRunUpdate), async (c) => {
    const { name } = c.req.valid("json");
    await askTaskRun(c, "rename_task_run", { id: uuidParam(c, "id"), name: name ?? null });
    return c.body(null, 204);
  })
  .delete("/:id", describe("Delete a task run", 204), async (c) => {
    await askTaskRun(c, "delete_task_run", { id: uuidParam(c, "id") });
    return c.body(null, 204);
  })
  .post(
    "/:id/set_state",
    describe("Propose a state of a task run", 201, OrchestrationResult),
    body(SetState),
    async (c) => {
      const { state, force } = c.req.valid("json");
      const command = { id: uuidParam(c, "id"), state, is_forced: force };
      const { result, was_created } = await askTaskRun(c, "set_task_run_state", command);
      return c.json(result, was_created ? 201 : 200);
    },
  );

export const taskRunStates = factory
  .createApp()
  .get("/", describe("List the states of a task run", 200, z.array(State)), query(StatesQuery), async (c) => {
    const { task_run_id: id } = c.req.valid("query");
    return c.json(await orIfAbsent(askTaskRun(c, "read_task_run_states", { id: id.toLowerCase() }), []));
  })
  .get("/:id", describe("Read a state of a task run", 200, State), async (c) =>
    c.json(await askTaskRun(c, "read_task_run_state", { id: uuidParam(c, "id") })),
  );
