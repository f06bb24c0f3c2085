/** What the server is told of one attempt: that its process exists, and how it ended. */
import {
  RUN_IDENTITY_HEADER,
  formatRunIdentity,
  type AttemptEnd,
  type AttemptStart,
} from "../src/contract/wire/agents.ts";
import { explainStatus, type ExitStatus } from "./exit-status.ts";
import type { JobKind } from "./job.ts";
import type { Outbox } from "./outbox.ts";

/**
 * `cancelled`: somebody asked for it. `lost`: the server was away for too long. `stopped`: the agent is stopped.
 * `given_up`: the server has ended the attempt already and wants no report.
 */
export type StopReason = "cancelled" | "lost" | "stopped" | "given_up";

/** Who reports, by which fence. */
export interface Reporter {
  attempt_id: string;
  flow_run_id: string;
  fence: number;
  kind: JobKind;
}

/** What is to be said of an end. */
export interface Ending {
  outcome: AttemptEnd["outcome"];
  message?: string | undefined;
}

/** Reports that the process exists. */
export function reportStart(outbox: Outbox, from: Reporter, pid: number): void {
  const body: AttemptStart = {
    fence: from.fence,
    infrastructure_pid: String(pid),
    sets_own_state: from.kind === "engine",
  };
  put(outbox, from, "start", body);
}

/** Reports the attempt's end. */
export function reportEnd(outbox: Outbox, from: Reporter, status: ExitStatus, ending: Ending): void {
  const body: AttemptEnd = {
    fence: from.fence,
    ...status,
    outcome: ending.outcome,
    sets_own_state: from.kind === "engine",
    message: ending.message ?? null,
  };
  put(outbox, from, "end", body);
}

/** Decides what a process's end means, when its stop was asked for with `reason`, or was not. */
export function describeEnd(status: ExitStatus, reason: StopReason | undefined): Ending {
  if (reason === "cancelled")
    return {
      outcome: "cancelled",
      message:
        status.signal === "SIGKILL"
          ? "The run was cancelled; its process did not end on SIGTERM and was killed."
          : "The run was cancelled.",
    };
  if (reason === undefined || reason === "given_up" || status.exit_code === 0)
    return { outcome: "exited", message: explainStatus(status) };
  return {
    outcome: "lost",
    message:
      reason === "lost"
        ? "The worker stopped the process because the server was out of reach for too long."
        : "The worker was stopped.",
  };
}

function put(outbox: Outbox, from: Reporter, kind: "start" | "end", body: unknown): void {
  const { attempt_id, flow_run_id, fence } = from;
  outbox.put({
    kind,
    attempt_id,
    path: `/flow_runs/${flow_run_id}/attempts/${attempt_id}/${kind}`,
    body,
    headers: { [RUN_IDENTITY_HEADER]: formatRunIdentity({ flow_run_id, attempt_id, fence }) },
  });
}
