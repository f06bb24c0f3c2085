/**
 * Where task runs are. Those that name their flow run, or whose id the server made, are in one journal; others are looked
 * for backwards through the days, in all pools, as far as is bounded.
 */
import { journalOfOwnTaskRun, journalsOfTaskRun, type JournalAddress } from "../contract/journals.ts";
import type { RunSummary } from "../contract/wire/run-summaries.ts";
import type { TaskRun, TaskRunsCountBody, TaskRunSort } from "../contract/wire/task-runs.ts";
import type { JournalOperations } from "../objects/journal/operations.ts";
import { compareTaskRuns } from "../domain/flow-run/sort-runs.ts";
import { call, fail, isRefusal, type ApiContext } from "./context.ts";
import { findRuns } from "./run-queries.ts";
import { JOURNALS_ASKED_MAX, placeQuestion, poolKeys } from "./task-run-places.ts";

/** Days, one after the other, in which a task run is looked for. */
const DAYS_SEARCHED = [2, 7] as const;
/** Flow runs that a filter of task runs may mean by other things than their ids. */
const FLOW_RUNS_MAX = 200;

/** Asks the journals that can have a task run, and answers with the first that has it; ends the request where none does. */
export async function askTaskRun<
  Operation extends
    | "read_task_run"
    | "rename_task_run"
    | "delete_task_run"
    | "set_task_run_state"
    | "read_task_run_states"
    | "read_task_run_state",
>(
  c: ApiContext,
  operation: Operation,
  command: JournalOperations[Operation]["command"],
): Promise<JournalOperations[Operation]["answer"]> {
  const { id } = command;
  const workspace = c.get("workspace");
  const ask = (address: JournalAddress) =>
    call(c, address, operation, command as never) as Promise<JournalOperations[Operation]["answer"]>;
  const own = journalOfOwnTaskRun(workspace, id);
  if (own !== undefined) {
    try {
      return await ask(own);
    } catch (error) {
      // One in some thousand of the ids that clients make looks as if it were ours.
      if (!isRefusal(error, "not_found")) throw error;
    }
  }
  const keys = await poolKeys(c);
  const asked = new Set<string>();
  for (const days of DAYS_SEARCHED) {
    const journals = journalsOfTaskRun(workspace, id, keys, Date.now(), days)
      .filter(({ key }) => !asked.has(key))
      .slice(0, JOURNALS_ASKED_MAX - asked.size);
    const answers = await Promise.allSettled(journals.map(ask));
    for (const [index, answer] of answers.entries()) {
      asked.add(journals[index]?.key ?? "");
      if (answer.status === "fulfilled") return answer.value;
      if (!isRefusal(answer.reason, "not_found")) throw answer.reason;
    }
  }
  return fail("not_found", "Task run not found");
}

/** The ids of the flow runs that a filter names or means; undefined where it says nothing of flow runs. */
async function flowRunsMeantBy(
  c: ApiContext,
  { flows, flow_runs, deployments }: TaskRunsCountBody,
): Promise<string[] | undefined> {
  if (!flows && !deployments) {
    if (!flow_runs) return undefined;
    const named = Object.entries(flow_runs).filter(([, value]) => value !== null && value !== undefined);
    const isById = named.every(([field]) => field === "id" || field === "operator");
    if (isById && flow_runs.id?.any_ && !flow_runs.id.not_any_) return flow_runs.id.any_;
    if (named.every(([field]) => field === "operator")) return undefined;
  }
  const runs = await findRuns(c, {
    flows,
    flow_runs,
    deployments,
    sort: "EXPECTED_START_TIME_DESC",
    limit: FLOW_RUNS_MAX,
    offset: 0,
  });
  return runs.map(({ id }) => id);
}

/** One page of the task runs that a filter means. */
export async function findTaskRuns(
  c: ApiContext,
  { sort, limit, offset, ...body }: TaskRunsCountBody & { sort: TaskRunSort; limit: number; offset: number },
): Promise<TaskRun[]> {
  const asked = await placeQuestion(c, body.task_runs ?? null, await flowRunsMeantBy(c, body));
  const pages = await Promise.all(
    asked.map(({ address, question }) =>
      call(c, address, "filter_task_runs", { ...question, sort, limit: offset + limit }),
    ),
  );
  return pages
    .flat()
    .toSorted(compareTaskRuns(sort))
    .slice(offset, offset + limit);
}

/** How many task runs a filter means. */
export async function countTaskRuns(c: ApiContext, body: TaskRunsCountBody): Promise<number> {
  const asked = await placeQuestion(c, body.task_runs ?? null, await flowRunsMeantBy(c, body));
  const counts = await Promise.all(
    asked.map(({ address, question }) => call(c, address, "count_task_runs", question)),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Counts of task runs by state and by the intervals between `bounds`, from all journals. */
export async function summarizeTaskRuns(
  c: ApiContext,
  body: TaskRunsCountBody,
  bounds: string[],
): Promise<RunSummary[]> {
  const asked = await placeQuestion(c, body.task_runs ?? null, await flowRunsMeantBy(c, body));
  const found = await Promise.all(
    asked.map(({ address, question }) => call(c, address, "summarize_task_runs", { ...question, bounds })),
  );
  return found.flat();
}
