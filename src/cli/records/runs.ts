/** Flow runs and their states as people see them. */
import type { Client } from "../../client/index.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { StateType } from "../../contract/wire/states.ts";
import { rephrase } from "../api.ts";
import { CommandError } from "../framework/errors.ts";
import { readAll } from "../framework/list.ts";
import { isId } from "../framework/values.ts";
import { readShortId, shortenId } from "../output/ids.ts";
import type { Color, Column, Detail } from "../output/table.ts";
import { formatDuration, formatRelative } from "../output/time.ts";

/** How a run is named on the command line. */
export const RUN_HELP = "Id of the flow run, the beginning of it, or its name";
/** Beginnings of ids are looked for among this many of the latest runs. */
const SHORT_IDS_MAX = 1000;

/** Reads a run by id, by the beginning of its id or by name; a missing one is explained, and so are several. */
export async function readRun(api: Client, ref: string): Promise<FlowRun> {
  if (isId(ref)) return orMissingRun(ref, api.flowRuns.read(ref));
  const start = readShortId(ref);
  const sort = "EXPECTED_START_TIME_DESC";
  const found =
    start === undefined
      ? await api.flowRuns.list({ flow_runs: { name: { any_: [ref] } }, sort, limit: 20 })
      : (await readAll((page) => api.flowRuns.list({ ...page, sort }), { limit: SHORT_IDS_MAX })).filter(
          ({ id }) => id.startsWith(start),
        );
  const [run, other] = found;
  if (run === undefined) throw new CommandError(explainMissingRun(ref));
  if (other !== undefined)
    throw new CommandError(
      `${found.length} flow runs are called ${ref}; name one by its id: ${found.map(({ id }) => id).join(", ")}.`,
    );
  return run;
}

function explainMissingRun(ref: string): string {
  return `No flow run ${ref}; \`sluice flow-run ls\` shows those there are.`;
}

/** Explains a 404 of a call about a run. */
export function orMissingRun<Value>(id: string, promise: Promise<Value>): Promise<Value> {
  return rephrase(promise, 404, () => explainMissingRun(id));
}

/** Tells whether a run in this state has ended. */
export function hasEnded(type: StateType | null): boolean {
  return type === "COMPLETED" || type === "FAILED" || type === "CRASHED" || type === "CANCELLED";
}

const STATE_COLORS: Partial<Record<StateType, Color>> = {
  COMPLETED: "green",
  FAILED: "red",
  CRASHED: "magenta",
  CANCELLED: "gray",
  CANCELLING: "gray",
  RUNNING: "blue",
  PENDING: "yellow",
  PAUSED: "yellow",
};

/** Colour of a run's state. */
export function colorState({ state_type }: Pick<FlowRun, "state_type">): Color | undefined {
  return state_type === null ? undefined : STATE_COLORS[state_type];
}

/** When it began, or will: what a person wants to know first of a run in its state. */
function describeWhen(run: FlowRun, now: number): string {
  return formatRelative(run.start_time ?? run.next_scheduled_start_time ?? run.expected_start_time, now);
}

/** Columns of a list of runs; `flows` has the names of their flows by id. */
export function runColumns(flows: ReadonlyMap<string, string>, now: number): Column<FlowRun>[] {
  return [
    { title: "Id", value: ({ id }) => id, short: ({ id }) => shortenId(id) },
    { title: "Flow", value: ({ flow_id }) => flows.get(flow_id), rank: 1 },
    { title: "Name", value: ({ name }) => name },
    {
      title: "State",
      value: ({ state_name }) => state_name,
      short: ({ state_name }) => state_name ?? "-",
      color: colorState,
    },
    { title: "When", value: (run) => describeWhen(run, now), short: (run) => describeWhen(run, now) },
    {
      title: "Took",
      value: ({ estimated_run_time }) => (estimated_run_time > 0 ? formatDuration(estimated_run_time) : null),
      align: "right",
      rank: 2,
    },
  ];
}

/** Reads the names of the flows that some runs or deployments belong to. */
export async function readFlowNames(
  api: Client,
  records: readonly { flow_id: string }[],
): Promise<Map<string, string>> {
  const ids = [...new Set(records.map(({ flow_id }) => flow_id))];
  const names = new Map<string, string>();
  for (let at = 0; at < ids.length; at += 200) {
    const flows = await api.flows.list({ flows: { id: { any_: ids.slice(at, at + 200) } }, limit: 200 });
    for (const flow of flows) names.set(flow.id, flow.name);
  }
  return names;
}

/** Everything about one run. */
export function describeRun(run: FlowRun, flow: string | undefined, now: number): Detail[] {
  return [
    ["Name", run.name],
    ["Flow", flow],
    ["State", run.state_name],
    ["Message", run.state?.message],
    ["Parameters", JSON.stringify(run.parameters)],
    ["Tags", run.tags.join(", ")],
    ["Pool", run.work_pool_name],
    ["Queue", run.work_queue_name],
    ["Expected", formatRelative(run.expected_start_time, now)],
    ["Started", formatRelative(run.start_time, now)],
    ["Ended", formatRelative(run.end_time, now)],
    ["Took", run.estimated_run_time > 0 ? formatDuration(run.estimated_run_time) : null],
    ["Attempts", run.run_count],
    ["Process", run.infrastructure_pid],
    ["Deployment", run.deployment_id],
    ["Created", formatRelative(run.created, now)],
    ["Created by", run.created_by?.display_value],
    ["Id", run.id],
  ];
}
