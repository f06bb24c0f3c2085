/** The journals of task runs, and which of them a question about task runs goes to. */
import {
  NO_POOL_KEY,
  journalOfOwnTaskRun,
  journalOfRun,
  journalsOfDays,
  journalsOfTaskRun,
  type JournalAddress,
} from "../contract/journals.ts";
import type { TaskRunFilter } from "../contract/wire/filters.ts";
import type { TaskRunQuestion } from "../objects/journal/operations.ts";
import { call, fail, type ApiContext } from "./context.ts";
import { addressesOfRuns } from "./pools.ts";

/** Journals that one question asks. */
export const JOURNALS_ASKED_MAX = 200;
/** Days that a list of task runs covers which names neither flow runs nor task runs. */
const DAYS_LISTED_MAX = 7;
/** Flow runs that one filter by task runs may mean. */
const FLOW_RUNS_FOUND_MAX = 10_000;

/** The keys of all pools, those of runs without a pool among them. */
export async function poolKeys(c: ApiContext): Promise<string[]> {
  const pools = await addressesOfRuns(c, { work_pools: null, run_ids: null });
  return [...pools.map(({ key }) => key), NO_POOL_KEY];
}

export interface PlacedQuestion {
  address: JournalAddress;
  question: TaskRunQuestion;
}

/** The journals that a question about the task runs of some flow runs, or of any, concerns, each with what it is asked. */
export async function placeQuestion(
  c: ApiContext,
  filter: TaskRunFilter | null,
  flowRunIds: readonly string[] | undefined,
): Promise<PlacedQuestion[]> {
  const workspace = c.get("workspace");
  const isAnd = filter?.operator !== "or_";
  const wanted = isAnd ? (filter?.flow_run_id?.any_ ?? undefined) : undefined;
  const ids = flowRunIds && wanted ? flowRunIds.filter((id) => wanted.includes(id)) : (flowRunIds ?? wanted);
  if (ids !== undefined) {
    const byJournal = new Map<string, { address: JournalAddress; question: Required<TaskRunQuestion> }>();
    for (const id of ids) {
      const address = journalOfRun(workspace, id);
      if (address === undefined) continue;
      const known = byJournal.get(address.key) ?? { address, question: { filter, flow_run_ids: [] } };
      known.question.flow_run_ids.push(id.toLowerCase());
      byJournal.set(address.key, known);
    }
    return bound([...byJournal.values()]);
  }
  const question = { filter };
  const taskRunIds = isAnd ? filter?.id?.any_ : undefined;
  const keys = await poolKeys(c);
  const addresses = taskRunIds
    ? taskRunIds.flatMap((id) => {
        const own = journalOfOwnTaskRun(workspace, id);
        return own === undefined ? journalsOfTaskRun(workspace, id, keys, Date.now()) : [own];
      })
    : journalsOfDays(
        workspace,
        keys,
        Date.now(),
        Math.max(1, Math.min(DAYS_LISTED_MAX, Math.floor(JOURNALS_ASKED_MAX / keys.length))),
      );
  const unique = new Map(addresses.map((address) => [address.key, { address, question }]));
  return bound([...unique.values()]);
}

function bound<Asked>(asked: Asked[]): Asked[] {
  if (asked.length > JOURNALS_ASKED_MAX)
    fail("invalid", "These task runs may be in too many places; name fewer flow runs or task runs.");
  return asked;
}

/** The ids of the flow runs, among some or among all, that have such task runs. */
export async function findRunsOfTaskRuns(
  c: ApiContext,
  filter: TaskRunFilter,
  among: readonly string[] | undefined,
): Promise<string[]> {
  const limit = FLOW_RUNS_FOUND_MAX + 1;
  const asked = await placeQuestion(c, filter, among);
  const found = await Promise.all(
    asked.map(({ address, question }) => call(c, address, "find_runs_of_task_runs", { ...question, limit })),
  );
  const ids = [...new Set(found.flat())];
  if (ids.length > FLOW_RUNS_FOUND_MAX)
    fail(
      "invalid",
      `More than ${FLOW_RUNS_FOUND_MAX} flow runs have such task runs; narrow the filter of task runs.`,
    );
  return ids;
}
