/**
 * What a worker-agent and the control plane say to each other beyond Prefect's API. Keys that one side does not know yet
 * are ignored: agents and control plane are not updated at the same moment.
 */
import { z } from "zod";
import { CLAIM_ATTEMPTS_MAX } from "../bounds.ts";
import { Id, Name } from "./common.ts";
import { FlowRun } from "./flow-runs.ts";
import { RunIdentity } from "./limits.ts";

export { RUN_IDENTITY_HEADER } from "../headers.ts";

/** Writes a run's identity as the value of {@link RUN_IDENTITY_HEADER}. */
export function formatRunIdentity(run: RunIdentity): string {
  return `${run.flow_run_id}/${run.attempt_id}/${run.fence}`;
}

/** Reads {@link RUN_IDENTITY_HEADER}; undefined when it is missing or not of its form. */
export function parseRunIdentity(value: string | null | undefined): RunIdentity | undefined {
  if (value === undefined || value === null) return undefined;
  const [flow_run_id, attempt_id, fence, ...rest] = value.split("/");
  if (rest.length > 0) return undefined;
  const parsed = RunIdentity.safeParse({
    flow_run_id,
    attempt_id,
    fence: fence === undefined || !/^\d+$/.test(fence) ? undefined : Number(fence),
  });
  return parsed.success ? parsed.data : undefined;
}

export const Gpu = z.object({ id: z.string(), name: z.string(), memory_mib: z.int() });
export type Gpu = z.infer<typeof Gpu>;

/** The process that an agent is, for people who look for it. */
export const AgentProcess = z.object({
  host: z.string().max(255),
  pid: z.int().min(0),
  /** By the host's own clock. */
  started_at: z.string().max(40),
});
export type AgentProcess = z.infer<typeof AgentProcess>;

/**
 * `POST /work_pools/{name}/workers/session`: registers the agent and keeps it alive. One deadline row per session;
 * all its claims share the deadline, so a heartbeat costs no write before half of it has passed.
 */
export const SessionBeat = z.object({
  name: Name,
  /**
   * Made by the agent when it starts for the first time; one that comes back goes on with its own. While the session
   * lives, an agent with another one is refused (409): a name belongs to one agent at a time.
   */
  session_id: Id,
  /** Omitted by agents of an older release, which begin a new session at each start: theirs ends the one before. */
  process: AgentProcess.optional(),
  session_seconds: z.number().min(10).max(3600).default(60),
  limit: z.int().min(0).nullish(),
  work_queue_names: z.array(Name).max(100).default([]),
  labels: z.record(z.string(), z.string()).default({}),
  gpus: z.array(Gpu).max(64).default([]),
  version: z.string().max(100).nullish(),
  /** Attempts that the agent has running: what it does not name any more and never ended is lost. Omitted: not said. */
  attempt_ids: z.array(Id).max(1000).optional(),
});
export type SessionBeat = z.infer<typeof SessionBeat>;

export const SessionAnswer = z.object({
  worker_id: Id,
  /** The session ends this many seconds after the beat was sent; the agent stops its children a margin before. */
  expires_in_seconds: z.number(),
  /** Runs of this worker that somebody asked to cancel. */
  cancelling: z.array(Id),
  /** Attempts that the server has given up on: stop their processes, they own nothing any more. */
  ended_attempt_ids: z.array(Id),
  is_pool_paused: z.boolean(),
  /**
   * While nothing runs and its socket is open the agent need not beat: the socket's pings say that it lives, and the next
   * claim that gives something renews the session. It asks for runs this often, against a wake that was lost. Absent: it
   * must beat.
   */
  idle_poll_seconds: z.number().optional(),
});
export type SessionAnswer = z.infer<typeof SessionAnswer>;

/** `POST /work_pools/{name}/claim`: asks for at most one run per attempt id; the same ids get the same runs. */
export const Claim = z.object({
  worker_name: Name,
  session_id: Id,
  attempt_ids: z.array(Id).min(1).max(CLAIM_ATTEMPTS_MAX),
  work_queue_names: z.array(Name).max(100).default([]),
});
export type Claim = z.infer<typeof Claim>;

export const ClaimedRun = z.object({
  attempt_id: Id,
  fence: z.int(),
  /** The agent begins nothing later. Without a word of it the run goes back to its queue, at the earliest when a session that began with the claim would be over. */
  start_within_seconds: z.number(),
  flow_run: FlowRun,
});
export type ClaimedRun = z.infer<typeof ClaimedRun>;

export const ClaimAnswer = z.object({
  claims: z.array(ClaimedRun),
  /** Seconds until the next run of these queues becomes due, null when none is in sight. */
  next_due_in_seconds: z.number().nullable(),
  /**
   * Why no more was given, when fewer runs than attempt ids came back. `deployment_full`: the limits of deployments have
   * been asked for the slots of due runs and have not all answered yet, so who asks again soon may get these.
   */
  reason: z
    .enum(["nothing_due", "pool_paused", "pool_full", "queue_full", "queue_paused", "deployment_full"])
    .nullable(),
  /** What was given ends with the session, this many seconds after the claim was sent, unless a beat puts that off. */
  session_expires_in_seconds: z.number().optional(),
});
export type ClaimAnswer = z.infer<typeof ClaimAnswer>;

/**
 * `POST /flow_runs/{id}/attempts/{attempt_id}/start`: the process exists. Where it does not set its own state, the run
 * becomes Running with it; a process that says so too (with the attempt's id as the transition's) says it in vain.
 */
export const AttemptStart = z.object({
  fence: z.int(),
  infrastructure_pid: z.string().max(255).nullish(),
  /** Absent means that it does. */
  sets_own_state: z.boolean().optional(),
});
export type AttemptStart = z.infer<typeof AttemptStart>;

/**
 * `POST /flow_runs/{id}/attempts/{attempt_id}/end`: the process is gone and so is everything it held. The exit code
 * decides the state where the process set no terminal one itself.
 */
export const AttemptEnd = z.object({
  fence: z.int(),
  exit_code: z.int().nullable(),
  signal: z.string().max(20).nullable(),
  /** `not_started` gives the run back to its queue; `cancelled` follows a cancel that was asked for. */
  outcome: z.enum(["exited", "cancelled", "not_started", "lost"]),
  /** A process that speaks for itself (Prefect's engine) is Crashed when it exits without a terminal state, exit 0 or not. */
  sets_own_state: z.boolean(),
  message: z.string().max(65_536).nullish(),
});
export type AttemptEnd = z.infer<typeof AttemptEnd>;

/** What the server sends on an agent's socket: "look again", never the decision itself. */
export const AgentWake = z.object({
  type: z.literal("wake"),
  reason: z.enum(["run_ready", "cancel", "pool_changed", "attempt_ended"]),
});
export type AgentWake = z.infer<typeof AgentWake>;
