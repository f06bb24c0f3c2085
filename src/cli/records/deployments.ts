/** Deployments and their schedules as people see them. */
import type { Client } from "../../client/index.ts";
import type { Deployment } from "../../contract/wire/deployments.ts";
import type { DeploymentSchedule, ScheduleOut } from "../../contract/wire/schedules.ts";
import { find } from "../api.ts";
import { CommandError, UsageError } from "../framework/errors.ts";
import { findNearest } from "../framework/suggest.ts";
import { isId } from "../framework/values.ts";
import type { Column, Detail } from "../output/table.ts";
import { formatDuration, formatRelative } from "../output/time.ts";
import { shortenId } from "../output/ids.ts";
import { explainMissing } from "./missing.ts";
import { readFlowNames } from "./runs.ts";

/** Reads a deployment by `FLOW/DEPLOYMENT` or id; a missing one is explained. */
export async function readDeployment(api: Client, ref: string): Promise<Deployment> {
  const found = await find(isId(ref) ? api.deployments.read(ref) : api.deployments.readByName(ref));
  if (found !== undefined) return found;
  throw new CommandError(
    await explainMissing(
      "deployment",
      ref,
      () => listDeploymentNames(api),
      "`sluice deployment ls` shows those there are, and `sluice deploy` makes them from prefect.yaml",
    ),
  );
}

/** The full names of the deployments, at most 200 of them. */
export async function listDeploymentNames(api: Client): Promise<string[]> {
  const deployments = await api.deployments.list({ limit: 200 });
  const flows = await readFlowNames(api, deployments);
  return deployments.map(({ flow_id, name }) => `${flows.get(flow_id) ?? flow_id}/${name}`);
}

/** A schedule in one line. */
export function formatSchedule(schedule: ScheduleOut): string {
  if ("cron" in schedule) return `cron ${schedule.cron}${formatZone(schedule.timezone)}`;
  if ("interval" in schedule)
    return `every ${formatDuration(schedule.interval)}${formatZone(schedule.timezone)}`;
  if ("rrule" in schedule)
    return `rrule ${schedule.rrule.replaceAll("\n", " ")}${formatZone(schedule.timezone)}`;
  return "none";
}

function formatZone(timezone: string | null): string {
  return timezone === null || timezone === "UTC" ? "" : ` (${timezone})`;
}

/** A schedule of a deployment in one line. */
function formatOwnSchedule({ schedule, active }: DeploymentSchedule): string {
  return `${formatSchedule(schedule)}${active ? "" : " (paused)"}`;
}

/** Columns of a list of deployments. */
export function deploymentColumns(flows: ReadonlyMap<string, string>): Column<Deployment>[] {
  return [
    { title: "Name", value: ({ flow_id, name }) => `${flows.get(flow_id) ?? flow_id}/${name}` },
    { title: "Pool", value: ({ work_pool_name }) => work_pool_name },
    { title: "Queue", value: ({ work_queue_name }) => work_queue_name, rank: 2 },
    {
      title: "Schedules",
      value: ({ schedules }) => schedules.map(formatOwnSchedule).join("; "),
      rank: 1,
    },
    {
      title: "Status",
      value: ({ paused, status }) => (paused ? "paused" : status?.toLowerCase().replace("_", " ")),
      color: ({ paused, status }) => (paused ? "yellow" : status === "READY" ? "green" : "gray"),
    },
  ];
}

/** Columns of a list of schedules. */
export const SCHEDULE_COLUMNS: readonly Column<DeploymentSchedule>[] = [
  { title: "Id", value: ({ id }) => id, short: ({ id }) => shortenId(id) },
  { title: "Schedule", value: ({ schedule }) => formatSchedule(schedule) },
  { title: "Active", value: ({ active }) => (active ? "yes" : "no") },
  { title: "Slug", value: ({ slug }) => slug, rank: 1 },
  {
    title: "Parameters",
    value: ({ parameters }) => (Object.keys(parameters).length === 0 ? null : JSON.stringify(parameters)),
    rank: 2,
  },
];

/** Everything about one deployment. */
export function describeDeployment(deployment: Deployment, flow: string, now: number): Detail[] {
  const limit = deployment.global_concurrency_limit;
  return [
    ["Name", `${flow}/${deployment.name}`],
    ["Description", deployment.description],
    ["Paused", deployment.paused ? "yes" : "no"],
    ["Status", deployment.status?.toLowerCase().replace("_", " ")],
    ["Pool", deployment.work_pool_name],
    ["Queue", deployment.work_queue_name],
    ["Concurrency", limit === null ? "no limit" : `${limit.active_slots} of ${limit.limit}`],
    ["Entrypoint", deployment.entrypoint],
    ["Path", deployment.path],
    ["Job variables", JSON.stringify(deployment.job_variables)],
    ["Parameters", JSON.stringify(deployment.parameters)],
    ["Schedules", deployment.schedules.map(formatOwnSchedule).join("\n")],
    ["Tags", deployment.tags.join(", ")],
    ["Version", deployment.version],
    ["Created", formatRelative(deployment.created, now)],
    ["Updated", formatRelative(deployment.updated, now)],
    ["Id", deployment.id],
  ];
}

/** What was typed of a schedule. */
export interface ScheduleWords {
  cron?: string | undefined;
  interval?: number | undefined;
  anchor?: string | undefined;
  rrule?: string | undefined;
  timezone?: string | undefined;
}

/** What was typed of several schedules. */
export interface SchedulesWords {
  cron: readonly string[];
  interval: readonly number[];
  anchor?: string | undefined;
  rrule: readonly string[];
  timezone?: string | undefined;
}

/** Makes all schedules out of what was typed; the time zone is that of each. */
export function buildSchedules({ cron, interval, rrule, anchor, timezone }: SchedulesWords): ScheduleIn[] {
  const words: ScheduleWords[] = [
    ...cron.map((text) => ({ cron: text, timezone })),
    ...interval.map((seconds) => ({ interval: seconds, anchor, timezone })),
    ...rrule.map((text) => ({ rrule: text, timezone })),
  ];
  // Where there is none, what else was typed goes with nothing, and is refused.
  if (interval.length === 0 && anchor !== undefined) buildSchedule({ anchor });
  if (words.length === 0) buildSchedule({ timezone });
  return words.map(buildSchedule).filter((schedule) => schedule !== undefined);
}

/** Makes the one schedule out of what was typed; undefined when nothing was. */
export function buildSchedule({
  cron,
  interval,
  anchor,
  rrule,
  timezone,
}: ScheduleWords): ScheduleIn | undefined {
  if ([cron, interval, rrule].filter((one) => one !== undefined).length > 1)
    throw new UsageError("--cron, --interval and --rrule exclude each other.");
  if (anchor !== undefined && interval === undefined)
    throw new UsageError("--anchor-date goes with --interval only.");
  if (timezone !== undefined) checkTimezone(timezone);
  if (cron !== undefined) {
    if (!isCronLike(cron)) throw new UsageError(`--cron ${CRON_WANTED}, not "${cron}".`);
    return { cron, timezone: timezone ?? "UTC", day_or: true };
  }
  if (interval !== undefined) {
    if (interval <= 0) throw new UsageError("--interval wants a stretch of time longer than none.");
    return { interval, timezone: timezone ?? "UTC", ...(anchor !== undefined && { anchor_date: anchor }) };
  }
  if (rrule !== undefined) return { rrule, timezone: timezone ?? "UTC" };
  if (timezone !== undefined) throw new UsageError("--timezone goes with --cron, --interval or --rrule.");
  return undefined;
}

/** What is said of a text that is not {@link isCronLike}. */
export const CRON_WANTED = 'wants five fields like "0 3 * * *", or a sixth for the seconds';

/** Tells whether a text has as many fields as a cron text, or is a name for one; the server reads the rest. */
export function isCronLike(cron: string): boolean {
  const fields = cron.trim().split(/\s+/).length;
  return cron.trim().startsWith("@") || fields === 5 || fields === 6;
}

/** A schedule as it is sent. */
export type ScheduleIn =
  | { cron: string; timezone: string; day_or: boolean }
  | { interval: number; timezone: string; anchor_date?: string }
  | { rrule: string; timezone: string };

/** Refuses names that are no time zone. */
export function checkTimezone(timezone: string): void {
  try {
    Intl.DateTimeFormat("en", { timeZone: timezone }).format();
  } catch {
    const nearest = findNearest(timezone, Intl.supportedValuesOf("timeZone"));
    throw new UsageError(
      `There is no time zone ${timezone}${nearest === undefined ? "; it looks like Europe/Berlin" : `; did you mean ${nearest}?`}${nearest === undefined ? "." : ""}`,
    );
  }
}
