/** Which journal keeps the logs of a run. */
import { addressOfJournal, type ObjectAddress } from "./envelope.ts";
import { dayOfId, keyOfId, type ShardKey } from "./ids.ts";
import { formatInstant, instantToMs, type Instant } from "./instants.ts";

/** Stands for "no pool" in a journal's name: logs that belong to no run of ours. */
export const NO_POOL_KEY: ShardKey = "0000000000";
/** A log without a run of ours is kept by its own day only when that is near; else by today. */
const DAYS_NEAR = 7;
const DAY_MS = 86_400_000;

export type JournalAddress = ObjectAddress & { kind: "journal" };

/** The journal of a run of ours; undefined for any other id. */
export function journalOfRun(workspace: string, flowRunId: string): JournalAddress | undefined {
  const key = keyOfId(flowRunId, "flow_run");
  const day = dayOfId(flowRunId);
  return key === undefined || day === undefined ? undefined : journal(workspace, key, day);
}

/** The journal that one log belongs to. `now` is in milliseconds since the epoch. */
export function journalOfLog(
  workspace: string,
  log: { flow_run_id?: string | null | undefined; timestamp: Instant },
  now: number,
): JournalAddress {
  const own =
    log.flow_run_id === null || log.flow_run_id === undefined
      ? undefined
      : journalOfRun(workspace, log.flow_run_id);
  if (own !== undefined) return own;
  const age = now - instantToMs(log.timestamp);
  // A clock that runs ahead writes into tomorrow.
  const isNear = age > -DAY_MS && age < DAYS_NEAR * DAY_MS;
  return journal(workspace, NO_POOL_KEY, dayOf(isNear ? log.timestamp : formatInstant(now)));
}

/** The journals, newest first, in which a log without a run of ours may be that was written in the last days. */
export function journalsWithoutRun(workspace: string, now: number): JournalAddress[] {
  return Array.from({ length: DAYS_NEAR + 2 }, (_, index) =>
    journal(workspace, NO_POOL_KEY, dayOf(formatInstant(now + DAY_MS - index * DAY_MS))),
  );
}

/** The journal that keeps a task run which is reported, or made, at `at` (milliseconds). */
export function journalOfTaskRun(
  workspace: string,
  { task_run_id, flow_run_id }: { task_run_id: string; flow_run_id: string | null },
  at: number,
): JournalAddress {
  const own = flow_run_id === null ? undefined : journalOfRun(workspace, flow_run_id);
  if (own !== undefined) return own;
  const [today] = daysOfTaskRun(task_run_id, at, 1);
  return journal(workspace, NO_POOL_KEY, today ?? dayOf(formatInstant(at)));
}

/** The journal of a task run whose id the server has made; undefined for any other id. */
export function journalOfOwnTaskRun(workspace: string, taskRunId: string): JournalAddress | undefined {
  const key = keyOfId(taskRunId, "task_run");
  const day = dayOfId(taskRunId);
  return key === undefined || day === undefined ? undefined : journal(workspace, key, day);
}

/** The journals of some pools, each of the last `days` days. */
export function journalsOfDays(
  workspace: string,
  poolKeys: readonly ShardKey[],
  now: number,
  days: number,
): JournalAddress[] {
  return Array.from({ length: days }, (_, index) => dayOf(formatInstant(now - index * DAY_MS))).flatMap(
    (day) => poolKeys.map((key) => journal(workspace, key, day)),
  );
}

/** The day on which a task run was made, where its id says so, and those before it. */
function daysOfTaskRun(taskRunId: string, now: number, days: number): string[] {
  const hex = taskRunId.replaceAll("-", "");
  const made = hex[12] === "7" ? Number.parseInt(hex.slice(0, 12), 16) : now;
  const at = made > now + DAY_MS ? now : made;
  return Array.from({ length: days }, (_, index) => dayOf(formatInstant(at - index * DAY_MS)));
}

/** Days before a task run on which its flow run may have been expected. */
const DAYS_RUNNING = 1;

/**
 * The journals, of the pools whose keys are given, that can have the logs of a task run. Its id is made by the client;
 * one that is ordered by time says when, any other is looked for in the last days.
 */
export function journalsOfTaskRun(
  workspace: string,
  taskRunId: string,
  poolKeys: readonly ShardKey[],
  now: number,
  days: number = DAYS_RUNNING + 1,
): JournalAddress[] {
  return daysOfTaskRun(taskRunId, now, days).flatMap((day) =>
    poolKeys.map((key) => journal(workspace, key, day)),
  );
}

function dayOf(instant: Instant): string {
  return instant.slice(0, 10).replaceAll("-", "");
}

function journal(workspace: string, key: ShardKey, day: string): JournalAddress {
  return { ...addressOfJournal(workspace, key, day), kind: "journal" };
}
