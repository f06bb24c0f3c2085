/** Finding the processes of an attempt that another agent process has started. */
import { formatRunIdentity } from "../src/contract/wire/agents.ts";
import { hasMark, isGroupAlive, listMarked, readStartMark } from "./process-identity.ts";
import type { ProcessSet } from "./processes.ts";
import { readShimPid, type AttemptRecord } from "./state-folder.ts";

/** What runs of an attempt. */
export interface Found {
  processes: ProcessSet;
  /** Start mark of the shim; undefined when it is gone and others have stayed. */
  shimMark: string | undefined;
}

/** The `NAME=value` that the processes of an attempt have in their environment, and nobody else. */
export function markOf(attempt: Pick<AttemptRecord, "flow_run_id" | "attempt_id" | "fence">): string {
  return `SLUICE_RUN=${formatRunIdentity(attempt)}`;
}

/** Finds what still runs of an attempt; undefined when nothing does. `folder` is the attempt's own. */
export function findProcesses(record: AttemptRecord, folder: string): Found | undefined {
  const pid = record.pgid ?? readShimPid(folder);
  if (pid === undefined) return undefined;
  const mark = markOf(record);
  const now = readStartMark(pid);
  // Without a start mark (the agent died in the very moment of the start) a stranger may have the number by now.
  const isShim =
    now !== undefined && (record.start_mark === null ? hasMark(pid, mark) : now === record.start_mark);
  if (isShim) return { processes: { pid, pgid: pid, mark }, shimMark: now };
  if (process.platform !== "linux")
    return now === undefined && record.start_mark !== null && isGroupAlive(pid)
      ? { processes: { pid, pgid: pid, mark }, shimMark: undefined }
      : undefined;
  // The number of a group is nobody else's as long as one of its processes lives.
  const others = listMarked(mark, pid);
  if (others.length === 0) return undefined;
  const pgid = others.some((other) => other.pgid === pid) ? pid : null;
  return { processes: { pid, pgid, mark }, shimMark: undefined };
}
