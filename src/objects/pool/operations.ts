/** What a WorkPool can be asked, by the Worker and by other objects. */
import type {
  AttemptEnd,
  AttemptStart,
  Claim,
  ClaimAnswer,
  SessionAnswer,
  SessionBeat,
} from "../../contract/wire/agents.ts";
import type { CreatedBy, JsonObject, Labels } from "../../contract/wire/common.ts";
import type { FlowRunSort, RunFilter } from "../../contract/wire/filters.ts";
import type { RunExplanation } from "../../contract/wire/explanations.ts";
import type { EmpiricalPolicy, FlowRun, FlowRunMoved, FlowRunUpdate } from "../../contract/wire/flow-runs.ts";
import type { RunIdentity, RunLease } from "../../contract/wire/limits.ts";
import type { RunInput, RunInputCreate } from "../../contract/wire/run-inputs.ts";
import type { Intervals, RunSummary } from "../../contract/wire/run-summaries.ts";
import type { OrchestrationResult, State, StateCreate } from "../../contract/wire/states.ts";
import type {
  ChangePreview,
  PreviewedChange,
  Worker,
  WorkPool,
  WorkPoolCreate,
  WorkPoolUpdate,
  WorkQueue,
  WorkQueueCreate,
  WorkQueueUpdate,
} from "../../contract/wire/work-pools.ts";
import type { RunKey } from "../../domain/flow-run/sort-runs.ts";

export type { RunFilter } from "../../contract/wire/filters.ts";

/** What a pool must know of a deployment whose runs it keeps; an older revision than the stored one is refused. */
export interface DeploymentNote {
  deployment_id: string;
  revision: number;
  /** Slots of the limit `deployment:<id>`, null without one. */
  concurrency_limit: number | null;
  collision_strategy: "ENQUEUE" | "CANCEL_NEW";
  grace_period_seconds: number | null;
}

/** A run to be created, everything merged and checked by the caller. */
export interface RunDraft {
  flow_id: string;
  name: string | null;
  deployment_id: string | null;
  deployment_version: string | null;
  flow_version: string | null;
  work_queue_name: string | null;
  /** The queue that a deployment points to, whatever its name is by now; goes before the name. */
  work_queue_id?: string | null;
  parameters: JsonObject;
  context: JsonObject;
  tags: string[];
  labels: Labels;
  idempotency_key: string | null;
  parent_task_run_id: string | null;
  infrastructure_document_id: string | null;
  empirical_policy: { [Field in keyof EmpiricalPolicy]?: EmpiricalPolicy[Field] | undefined };
  job_variables: JsonObject | null;
  created_by: CreatedBy | null;
  auto_scheduled: boolean;
  state: StateCreate;
}

/** Something that a run must have to begin. */
export interface RunNeed {
  /** Which `reason` of an explanation says that it lacks just that. */
  reason: "pool_paused" | "queue_paused" | "pool_full" | "queue_full" | "workers_busy" | "no_pool";
  /** How many may go first, besides those who do anyhow, before it lacks that; below 0 it lacks it now. */
  spare: number;
}

export type PoolOperations = {
  create: { command: WorkPoolCreate & { is_internal?: boolean }; answer: WorkPool };
  read: { command: Record<string, never>; answer: WorkPool };
  update: { command: WorkPoolUpdate; answer: WorkPool };
  delete: { command: Record<string, never>; answer: null };
  create_queue: { command: WorkQueueCreate; answer: WorkQueue };
  /** Finds a queue by name and makes it if it is missing: an unknown queue of a deployment comes into being so. */
  ensure_queue: { command: { name: string }; answer: WorkQueue };
  read_queue: { command: { id: string } | { name: string }; answer: WorkQueue };
  filter_queues: {
    command: { names?: string[]; name_prefixes?: string[]; ids?: string[]; limit: number; offset: number };
    answer: WorkQueue[];
  };
  update_queue: { command: { id?: string; name?: string; update: WorkQueueUpdate }; answer: WorkQueue };
  delete_queue: { command: { id: string } | { name: string }; answer: null };
  /** Prefect's worker says that it lives. */
  heartbeat: { command: { name: string; heartbeat_interval_seconds: number | null }; answer: null };
  /** The socket of one of our agents is gone; `heard_at`: when it was heard on it last, milliseconds since the epoch. */
  socket_closed: { command: { name: string; heard_at: number }; answer: null };
  filter_workers: {
    command: {
      ids?: string[];
      names?: string[];
      statuses?: string[];
      before?: string;
      after?: string;
      limit: number;
      offset: number;
    };
    answer: Worker[];
  };
  delete_worker: { command: { name: string }; answer: null };
  /** Prefect's poll: nothing is reserved; `csrf_client` makes what another worker was just given come last. */
  get_scheduled: {
    command: {
      work_queue_names: string[] | null;
      scheduled_before: string | null;
      scheduled_after: string | null;
      limit: number;
      csrf_client: string | null;
      deployment_ids?: string[];
    };
    answer: FlowRun[];
  };
  /** Our agent. */
  beat: { command: SessionBeat; answer: SessionAnswer };
  end_session: { command: { name: string; session_id: string }; answer: null };
  claim: { command: Claim; answer: ClaimAnswer };
  start_attempt: { command: AttemptStart & { flow_run_id: string; attempt_id: string }; answer: null };
  end_attempt: { command: AttemptEnd & { flow_run_id: string; attempt_id: string }; answer: FlowRun };
  /** A limit was asked on behalf of a run: the end of the attempt will visit it. */
  note_limit: { command: { run: RunIdentity; limit_key: string }; answer: null };
  /** Leases of runs have ended: those of runs that are here are kept, the first hundred of each. */
  note_leases: { command: { leases: RunLease[] }; answer: null };
  list_leases_of_run: { command: { id: string }; answer: RunLease[] };
  /** When the processes that serve these deployments last polled; those that nobody serves are left out. */
  read_polls: {
    command: { deployment_ids: string[] };
    /** Milliseconds since the epoch. */
    answer: { deployment_id: string; last_polled: number }[];
  };
  put_deployment: { command: DeploymentNote; answer: null };
  /** The deployment is gone from this pool (deleted or moved): its future runs go. */
  remove_deployment: { command: { deployment_id: string; revision: number }; answer: null };
  /** Replaces the future auto-scheduled runs of a deployment's schedules by these; idempotent by idempotency key. */
  materialize: {
    /** What replaces takes the place of all future runs, and of those that are due and wait, of a schedule's or of all. */
    command: {
      deployment: DeploymentNote;
      is_replacing: boolean;
      ends_due_of?: string;
      runs: RunDraft[];
    };
    answer: null;
  };
  /** Makes the internal pool where it does not exist yet. */
  create_run: {
    command: {
      draft: RunDraft;
      deployment: DeploymentNote | null;
      /** The run's own job variables lie over these; together they must fit the pool's template. */
      deployment_job_variables?: JsonObject;
      /** As the audit list calls it. */
      deployment_name?: string;
    };
    answer: { flow_run: FlowRun; was_created: boolean };
  };
  read_run: { command: { id: string }; answer: FlowRun };
  filter_runs: {
    command: { filter: RunFilter; sort: FlowRunSort; limit: number; offset: number };
    answer: FlowRun[];
  };
  /** The places of a page's runs, for lists over several pools, and the runs of such a page, in no order. */
  list_run_keys: {
    command: { filter: RunFilter; sort: FlowRunSort; limit: number; offset: number };
    answer: RunKey[];
  };
  read_runs: { command: { ids: string[] }; answer: FlowRun[] };
  count_runs: { command: { filter: RunFilter }; answer: number };
  /** Counts runs by state and, with intervals, by when they were expected; one group may be answered in parts. */
  summarize_runs: { command: { filter: RunFilter; intervals: Intervals | null }; answer: RunSummary[] };
  update_run: { command: { id: string; update: FlowRunUpdate }; answer: FlowRun };
  update_labels: { command: { id: string; labels: Labels }; answer: null };
  delete_run: { command: { id: string }; answer: null };
  /** `run` is the identity of the process that proposes, where it has one: an old fence changes nothing. */
  set_state: {
    command: { id: string; state: StateCreate; is_forced: boolean; run: RunIdentity | null };
    answer: { result: OrchestrationResult; was_created: boolean };
  };
  resume_run: {
    command: { id: string; run_input: JsonObject | null };
    answer: { result: OrchestrationResult; was_created: boolean };
  };
  /** A run that waits goes before all others of its queue, or of the line of its deployment's limit. */
  move_to_front: { command: { id: string }; answer: FlowRunMoved };
  create_run_input: { command: { id: string; input: RunInputCreate }; answer: null };
  filter_run_inputs: {
    command: { id: string; prefix: string; exclude_keys: string[]; limit: number };
    answer: RunInput[];
  };
  read_run_input: { command: { id: string; key: string }; answer: string };
  delete_run_input: { command: { id: string; key: string }; answer: null };
  /** The run has shown that it lives: it wrote a log, or renewed a lease. */
  touch_run: { command: { id: string }; answer: null };
  /** The run that started this one was cancelled. */
  cancel_with_parent: { command: { id: string }; answer: null };
  /** The process of the run that started this one is gone. */
  crash_with_parent: { command: { id: string }; answer: null };
  /** The processes of these runs have sent their heartbeat. */
  hear_heartbeats: { command: { ids: string[] }; answer: null };
  /** The hub says that somebody listens to events. */
  events_wanted: { command: Record<string, never>; answer: null };
  /** The journal of a day (`YYYYMMDD`) would go: needed while a run of that day is here. */
  retire_day: { command: { day: string }; answer: { is_needed: boolean } };
  read_states: { command: { flow_run_id: string }; answer: State[] };
  read_state: { command: { id: string }; answer: State };
  /** The runs that are due and wait, of one queue or of all, in the order in which they are given; limits and pauses aside. */
  list_line: { command: { queue_id?: string; limit: number }; answer: FlowRun[] };
  /** What a change would do at once to the runs that are due. */
  preview_change: { command: PreviewedChange; answer: ChangePreview };
  /** Runs that hold slots of the pool, for `work-pool slots`. */
  concurrency_status: {
    command: { queue_id?: string; limit: number };
    answer: {
      active_slots: number;
      limit: number | null;
      queues: {
        queue_id: string;
        queue_name: string;
        active_slots: number;
        limit: number | null;
        flow_runs: FlowRun[];
      }[];
    };
  };
  /** The limit of a deployment has granted a slot to a run that waited for it. */
  deployment_slot_granted: {
    command: {
      flow_run_id: string;
      /** The request that stood in line. Absent from limits of the release before. */
      request_id?: string;
      lease_id: string;
      fence: number;
      expires_at: number;
    };
    answer: null;
  };
  /** Why is this run not running? */
  explain_run: {
    command: { id: string };
    answer: RunExplanation & {
      /** Keys of limits that the running attempt has asked: it may stand in their lines. */
      limit_keys: string[];
      /** The limit that will be asked for the run before a worker gets it. */
      deployment_limit?: string;
      /** How many before it in its queue want a slot of that limit, too. */
      deployment_before?: number;
      /** All that a run in line, or one that will stand there, must have to begin. */
      needs?: RunNeed[];
    };
  };
};
