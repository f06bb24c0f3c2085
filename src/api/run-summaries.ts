/** Counts of runs over several pools, for histories and averages. */
import { formatInstant, instantToMs, type Instant } from "../contract/instants.ts";
import type { FlowRunsCountBody } from "../contract/wire/filters.ts";
import {
  HISTORY_INTERVALS_MAX,
  type HistoryInterval,
  type HistorySpan,
  type Intervals,
  type RunSummary,
} from "../contract/wire/run-summaries.ts";
import type { TaskRunsCountBody } from "../contract/wire/task-runs.ts";
import { call, orIfAbsent, type ApiContext } from "./context.ts";
import { locateRuns } from "./run-queries.ts";
import { summarizeTaskRuns } from "./task-run-queries.ts";

/** How late the runs that a filter means started, or still are, on average; null where there are none. Seconds. */
export async function averageLateness(c: ApiContext, body: FlowRunsCountBody): Promise<number | null> {
  const summaries = await summarizeRuns(c, body, null);
  const sum = (field: "count_runs" | "sum_estimated_lateness") =>
    summaries.reduce((total, summary) => total + summary[field], 0);
  const count = sum("count_runs");
  return count === 0 ? null : sum("sum_estimated_lateness") / count;
}

/** The flow runs that were expected in each stretch of a span, by their states. */
export async function readFlowRunHistory(
  c: ApiContext,
  body: FlowRunsCountBody & HistorySpan,
): Promise<HistoryInterval[]> {
  const { stretches, ...intervals } = splitSpan(body);
  if (stretches.length === 0) return [];
  const within = { after_: body.history_start, before_: formatInstant(intervals.ends_at) };
  return fillHistory(stretches, await summarizeRuns(c, withExpected(body, within), intervals));
}

/** The same of task runs. */
export async function readTaskRunHistory(
  c: ApiContext,
  body: TaskRunsCountBody & HistorySpan,
): Promise<HistoryInterval[]> {
  const { stretches, ends_at } = splitSpan(body);
  if (stretches.length === 0) return [];
  const bounds = [...stretches.map(({ interval_start }) => interval_start), formatInstant(ends_at)];
  return fillHistory(stretches, await summarizeTaskRuns(c, body, bounds));
}

/** The last instant that can be written. */
const LAST_INSTANT_MS = Date.UTC(9999, 11, 31);

type Stretch = Omit<HistoryInterval, "states">;

/** The stretches of a span, the first {@link HISTORY_INTERVALS_MAX} where there are more (source: Prefect's `run_history`). */
function splitSpan(span: HistorySpan): Intervals & { stretches: Stretch[] } {
  const starts_at = instantToMs(span.history_start);
  const interval_ms = span.history_interval_seconds * 1000;
  const wanted = Math.ceil((instantToMs(span.history_end) - starts_at) / interval_ms);
  const count = Math.min(Math.max(0, wanted), HISTORY_INTERVALS_MAX);
  const bound = (index: number) => Math.min(starts_at + index * interval_ms, LAST_INSTANT_MS);
  const stretches = Array.from({ length: count }, (_, index) => ({
    interval_start: formatInstant(bound(index)),
    interval_end: formatInstant(bound(index + 1)),
  }));
  return { starts_at, ends_at: bound(count), interval_ms, stretches };
}

function fillHistory(stretches: readonly Stretch[], summaries: readonly RunSummary[]): HistoryInterval[] {
  const byInterval = Map.groupBy(summaries, ({ interval }) => interval);
  return stretches.map((stretch, index) => ({
    ...stretch,
    states: mergeGroups(byInterval.get(index) ?? []),
  }));
}

/** Narrows a filter to when runs were expected, so that only those days are asked. */
function withExpected(
  body: FlowRunsCountBody,
  within: { after_: Instant; before_: Instant },
): FlowRunsCountBody {
  const { flow_runs } = body;
  if (flow_runs?.operator === "or_") return body;
  const given = flow_runs?.expected_start_time;
  const after_ =
    typeof given?.after_ === "string" && given.after_ > within.after_ ? given.after_ : within.after_;
  const before_ =
    typeof given?.before_ === "string" && given.before_ < within.before_ ? given.before_ : within.before_;
  return { ...body, flow_runs: { ...flow_runs, expected_start_time: { ...given, after_, before_ } } };
}

async function summarizeRuns(
  c: ApiContext,
  body: FlowRunsCountBody,
  intervals: Intervals | null,
): Promise<RunSummary[]> {
  const { addresses, filter } = await locateRuns(c, body);
  const answers = await Promise.all(
    addresses.map((address) => orIfAbsent(call(c, address, "summarize_runs", { filter, intervals }), [])),
  );
  return answers.flat();
}

function mergeGroups(summaries: readonly RunSummary[]): HistoryInterval["states"] {
  const merged = new Map<string, HistoryInterval["states"][number]>();
  for (const { interval: _interval, ...group } of summaries) {
    const key = `${group.state_type}/${group.state_name}`;
    const before = merged.get(key);
    merged.set(key, {
      ...group,
      count_runs: group.count_runs + (before?.count_runs ?? 0),
      sum_estimated_run_time: group.sum_estimated_run_time + (before?.sum_estimated_run_time ?? 0),
      sum_estimated_lateness: group.sum_estimated_lateness + (before?.sum_estimated_lateness ?? 0),
    });
  }
  return [...merged.values()];
}
