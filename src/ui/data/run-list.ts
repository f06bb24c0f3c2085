/**
 * What the list of runs shows, as its URL says it, and the question that this is to the API. Lists of runs have no bound
 * here: the next page begins at the time at which the one before ended, without those of that very moment that were shown.
 */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { Request } from "./http.ts";

export const RUN_FILTERS = [
  "state",
  "name",
  "pool",
  "queue",
  "flow",
  "deployment",
  "tag",
  "worker",
  "made",
  "when",
  "from",
  "to",
] as const;
/** Where the page begins: an instant, and the runs of that instant that are on the pages before. */
export const RUN_LIST_NAMES = [...RUN_FILTERS, "start", "seen"] as const;
export type RunListQuery = Record<(typeof RUN_LIST_NAMES)[number], string>;

export const STATES = [
  "SCHEDULED",
  "PENDING",
  "RUNNING",
  "PAUSED",
  "CANCELLING",
  "COMPLETED",
  "FAILED",
  "CRASHED",
  "CANCELLED",
] as const satisfies readonly FlowRun["state_type"][];

export const PAGE = 50;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** When runs began to be due, whenever they have ended: the times that can be chosen. */
export const TIMES = [
  { value: "", name: "until now" },
  { value: "any", name: "any" },
  { value: "1h", name: "in the last hour", ms: HOUR_MS },
  { value: "24h", name: "in the last 24 hours", ms: 24 * HOUR_MS },
  { value: "7d", name: "in the last 7 days", ms: 7 * 24 * HOUR_MS },
  { value: "next", name: "to come" },
  { value: "between", name: "between …" },
] as const;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
export const isId = (text: string): boolean => UUID.test(text);

/** The soonest first where it is about what is to come, else the latest first. */
function isRising({ when }: Pick<RunListQuery, "when">): boolean {
  return when === "next";
}

/**
 * `now` in milliseconds; it is read to the minute, so that the question stays the same for a while. One more is asked for
 * than a page has.
 */
export function askForRuns(query: RunListQuery, now: number, limit = PAGE + 1): Request {
  const { state, name, pool, queue, flow, deployment, tag, worker, made, start, seen } = trimEach(query);
  const { after, before } = readTimes(query, now);
  // An address that somebody has typed may name what is no state.
  const states = state.split(",").filter((type) => STATES.some((known) => known === type));
  const [from, to] = isRising(query) ? [start || after, before] : [after, start || before];
  return {
    method: "POST",
    path: "/flow_runs/filter",
    body: {
      flow_runs: {
        ...(states.length > 0 && { state: { type: { any_: states } } }),
        ...(name !== "" && { name: { like_: name } }),
        ...(queue !== "" && { work_queue_name: { any_: [queue] } }),
        ...(isId(deployment) && { deployment_id: { any_: [deployment] } }),
        ...(tag !== "" && { tags: { all_: [tag] } }),
        ...(worker !== "" && { worker_name: { any_: [worker] } }),
        ...(made !== "" && {
          created_by: made === "schedule" ? { type_: ["SCHEDULE"] } : { is_null_: true },
        }),
        ...((from !== "" || to !== "") && {
          expected_start_time: { ...(from !== "" && { after_: from }), ...(to !== "" && { before_: to }) },
        }),
        ...(seen !== "" && { id: { not_any_: seen.split(",") } }),
      },
      ...(flow !== "" && { flows: isId(flow) ? { id: { any_: [flow] } } : { name: { like_: flow } } }),
      ...(deployment !== "" && !isId(deployment) && { deployments: { name: { like_: deployment } } }),
      ...(pool !== "" && { work_pools: { name: { any_: [pool] } } }),
      sort: isRising(query) ? "EXPECTED_START_TIME_ASC" : "EXPECTED_START_TIME_DESC",
      limit,
    },
  };
}

/** Who has typed one word and is about to type the next one looks for the one. */
function trimEach(query: RunListQuery): RunListQuery {
  return Object.fromEntries(
    Object.entries(query).map(([name, text]) => [name, text.trim()]),
  ) as unknown as RunListQuery;
}

function readTimes({ when, from, to }: RunListQuery, now: number): { after: string; before: string } {
  const minute = Math.floor(now / MINUTE_MS) * MINUTE_MS;
  if (when === "between") return { after: readLocal(from), before: readLocal(to) };
  if (when === "next") return { after: new Date(minute).toISOString(), before: "" };
  if (when === "any") return { after: "", before: "" };
  const chosen = TIMES.find(({ value }) => value === when);
  return {
    after: chosen !== undefined && "ms" in chosen ? new Date(minute - chosen.ms).toISOString() : "",
    // What is to come has not been in the last hour.
    before: new Date(minute + MINUTE_MS).toISOString(),
  };
}

/** Asks for the first of those runs that are left out because they are to come; null where they are not. */
export function askForNext(query: RunListQuery, now: number): Request | null {
  if (query.when !== "" || query.start !== "") return null;
  const { before: start } = readTimes(query, now);
  return askForRuns({ ...query, when: "next", start }, now, 1);
}

/** The page that lists runs of these kinds. */
export function pathOfRuns(query: Partial<RunListQuery>): string {
  const said = Object.entries(query).filter(([, value]) => value !== "");
  return `/runs?${new URLSearchParams(said).toString()}`;
}

/** A time in the viewer's zone, as fields for dates and times have it. */
function readLocal(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString();
}

/** Where the page behind these runs begins. */
export function findNextPage(
  shown: readonly FlowRun[],
  query: Pick<RunListQuery, "start" | "seen">,
): Pick<RunListQuery, "start" | "seen"> | undefined {
  const start = shown.at(-1)?.expected_start_time;
  if (typeof start !== "string") return undefined;
  const same = shown.filter(({ expected_start_time: at }) => at === start).map(({ id }) => id);
  const before = start === query.start && query.seen !== "" ? query.seen.split(",") : [];
  return { start, seen: [...before, ...same].join(",") };
}
