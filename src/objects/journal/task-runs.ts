/** The task runs of a journal: created by callers, reported by events, read by everybody. */
import { addressOfHub, addressOfKey, type ObjectAddress } from "../../contract/envelope.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatId, keyOfId } from "../../contract/ids.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { RunSummary } from "../../contract/wire/run-summaries.ts";
import { isTerminal, STATE_TYPES, type OrchestrationResult, type State } from "../../contract/wire/states.ts";
import type { TaskRun, TaskRunChange } from "../../contract/wire/task-runs.ts";
import { withEstimates } from "../../domain/flow-run/estimates.ts";
import {
  createTaskRun,
  recordChange,
  toTaskState,
  type StoredTaskRun,
} from "../../domain/journal/task-runs.ts";
import type { ObjectHost } from "../shared/host.ts";
import type { JournalOperations } from "./operations.ts";
import { TaskRunStore } from "./task-run-store.ts";

/** Task runs that one answer carries at most. */
const HISTORY_RUNS_MAX = 10_000;
const TAIL_BITS = 22;
/** Task runs that end with their flow run. */
const LIVE_MAX = 1000;

/** Stores an effect on another object in the transaction that runs now. */
type Send = (target: ObjectAddress, operation: string, request_id: string, command: unknown) => void;

export class TaskRuns {
  readonly #host: ObjectHost;
  readonly #store: TaskRunStore;
  readonly #send: Send;

  constructor(host: ObjectHost, send: Send) {
    this.#host = host;
    this.#send = send;
    this.#store = new TaskRunStore(host.sql);
  }

  /** Takes reports in, in whatever order they come. */
  record(changes: readonly TaskRunChange[]): void {
    for (const change of changes) {
      const stored = this.#find(change);
      const next = stored && recordChange(stored, change, this.#host.now());
      if (next !== undefined) this.#store.write(next);
    }
  }

  #find({ task_run_id, flow_run_id, snapshot }: TaskRunChange): StoredTaskRun | undefined {
    const known = this.#store.read(task_run_id);
    if (known !== undefined || snapshot === undefined) return known;
    return (
      this.#store.find(flow_run_id, snapshot.task_key, snapshot.dynamic_key) ??
      createTaskRun({ ...snapshot, flow_run_id }, task_run_id, this.#host.now())
    );
  }

  create({
    task_run: { id, state, ...wanted },
  }: JournalOperations["create_task_run"]["command"]): Result<
    JournalOperations["create_task_run"]["answer"]
  > {
    const known =
      this.#store.read(id) ??
      this.#store.find(wanted.flow_run_id ?? null, wanted.task_key, wanted.dynamic_key);
    if (known !== undefined) return accept({ task_run: this.#present(known.run), was_created: false });
    const now = this.#host.now();
    const first = toTaskState(state ?? { type: "PENDING" }, this.#mintStateId(), formatInstant(now));
    const created = createTaskRun({ ...wanted, name: wanted.name ?? wanted.task_key }, id, now);
    const stored = recordChange(created, { state: first }, now) ?? created;
    this.#store.write(stored);
    this.#offerToWorkers(stored.run);
    return accept({ task_run: this.#present(stored.run), was_created: true });
  }

  /** A background task waits for a process that serves it. */
  #offerToWorkers(run: TaskRun): void {
    if (run.state?.type !== "SCHEDULED" || run.state.state_details.deferred !== true) return;
    const hub = addressOfHub(this.#host.address.workspace);
    this.#send(hub, "enqueue_task", `task-${run.state.id}`, { task_run: this.#present(run) });
  }

  read(id: string): Result<TaskRun> {
    const stored = this.#store.read(id);
    return stored === undefined ? refuseTaskRun() : accept(this.#present(stored.run));
  }

  readStates(id: string): Result<State[]> {
    const stored = this.#store.read(id);
    return stored === undefined ? refuseTaskRun() : accept(stored.states);
  }

  readState(id: string): Result<State> {
    const state = this.#store.findByState(id)?.states.find((candidate) => candidate.id === id);
    return state === undefined ? refuse("not_found", "Task run state not found") : accept(state);
  }

  rename(id: string, name: string | null): Result<null> {
    const stored = this.#store.read(id);
    if (stored === undefined) return refuseTaskRun();
    if (name !== null) this.#store.write({ ...stored, run: { ...stored.run, name } });
    return accept(null);
  }

  delete(id: string): Result<null> {
    const run = this.#store.read(id)?.run;
    if (run === undefined) return refuseTaskRun();
    this.#store.delete(id);
    if (run.state?.type === "SCHEDULED") {
      const hub = addressOfHub(this.#host.address.workspace);
      this.#send(hub, "dequeue_task", `deleted-${id}`, { task_run_id: id });
    }
    return accept(null);
  }

  deleteOfRun(flow_run_id: string): void {
    this.#store.deleteOfRun(flow_run_id);
  }

  /** What a cancelled flow run has started ends: its tasks here, its subflows where they are kept. */
  cancelOfRun(flow_run_id: string): void {
    const now = this.#host.now();
    for (const run of this.#listLive(flow_run_id)) {
      if (this.#tellSubflow(run, "cancel_with_parent")) continue;
      const stored = this.#store.read(run.id);
      const message = "The parent flow run was cancelled.";
      const cancelled = toTaskState({ type: "CANCELLED", message }, this.#mintStateId(), formatInstant(now));
      const next = stored && recordChange(stored, { state: cancelled }, now);
      if (next !== undefined) this.#store.write(next);
    }
  }

  /** What ran within the process of a crashed flow run has crashed with it; its tasks' last words may still be on their way. */
  crashSubflowsOf(flow_run_id: string): void {
    for (const run of this.#listLive(flow_run_id)) this.#tellSubflow(run, "crash_with_parent");
  }

  #listLive(flow_run_id: string): TaskRun[] {
    const filter = { state: { type: { any_: STATE_TYPES.filter((type) => !isTerminal(type)) } } };
    return this.#store.list({ filter, flow_run_ids: [flow_run_id] }, "ID_DESC", LIVE_MAX, this.#host.now());
  }

  /** Tells the subflow for which a task run stands, where it is kept; false: it stands for none. */
  #tellSubflow({ state }: TaskRun, operation: "cancel_with_parent" | "crash_with_parent"): boolean {
    const child = state?.state_details.child_flow_run_id;
    const key = typeof child === "string" ? keyOfId(child, "flow_run") : undefined;
    if (typeof child !== "string" || key === undefined) return false;
    const pool = addressOfKey(this.#host.address.workspace, "pool", key);
    this.#send(pool, operation, `${operation}-${state?.id}`, { id: child });
    return true;
  }

  filter({ sort, limit, ...question }: JournalOperations["filter_task_runs"]["command"]): TaskRun[] {
    return this.#store.list(question, sort, limit, this.#host.now()).map((run) => this.#present(run));
  }

  count(question: JournalOperations["count_task_runs"]["command"]): number {
    return this.#store.count(question);
  }

  /** The flow runs that have such task runs. */
  findRuns({ limit, ...question }: JournalOperations["find_runs_of_task_runs"]["command"]): string[] {
    return this.#store.findRuns(question, limit);
  }

  /** How many task runs were in which state, by when they were expected to start. */
  summarize({ bounds, ...question }: JournalOperations["summarize_task_runs"]["command"]): RunSummary[] {
    const summaries = new Map<string, RunSummary>();
    const now = this.#host.now();
    for (const run of this.#store.list(question, "EXPECTED_START_TIME_ASC", HISTORY_RUNS_MAX, now)) {
      const expected = run.expected_start_time ?? run.created;
      const interval = bounds.findLastIndex((bound) => bound <= expected);
      if (interval === -1 || interval === bounds.length - 1 || run.state_type === null) continue;
      const { state_type, state_name } = run;
      const key = `${interval} ${state_type} ${state_name}`;
      const summary = summaries.get(key) ?? {
        interval,
        state_type,
        state_name,
        count_runs: 0,
        sum_estimated_run_time: 0,
        sum_estimated_lateness: 0,
      };
      const { estimated_run_time, estimated_start_time_delta } = this.#present(run);
      summary.count_runs += 1;
      summary.sum_estimated_run_time += estimated_run_time;
      summary.sum_estimated_lateness += Math.max(0, estimated_start_time_delta);
      summaries.set(key, summary);
    }
    return [...summaries.values()];
  }

  /**
   * Proposes a state for a task run whose client leaves that to the server: stand-ins of subflows and background tasks.
   * Only what would undo an end is refused.
   */
  setState({
    id,
    state,
    is_forced,
  }: JournalOperations["set_task_run_state"]["command"]): Result<
    JournalOperations["set_task_run_state"]["answer"]
  > {
    const stored = this.#store.read(id);
    if (stored === undefined) return refuseTaskRun();
    const current = stored.run.state;
    const transition = state.state_details?.transition_id ?? null;
    const isSame = transition !== null && transition === current?.state_details.transition_id;
    const isDone = current?.type === "COMPLETED" && state.type !== "COMPLETED" && !is_forced;
    if (isSame || isDone) {
      const reason = isSame
        ? "This run has already made this state transition."
        : "This run is already completed.";
      const result: OrchestrationResult = {
        state: current,
        status: "REJECT",
        details: { type: "reject_details", reason },
      };
      return accept({ result, was_created: false });
    }
    const now = this.#host.now();
    const last = current === null ? undefined : current.timestamp;
    const timestamp = formatInstant(now);
    const proposed = toTaskState(
      state,
      this.#mintStateId(),
      last !== undefined && last > timestamp ? last : timestamp,
    );
    const next = recordChange(stored, { state: proposed }, now) ?? stored;
    this.#store.write(next);
    this.#offerToWorkers(next.run);
    const result: OrchestrationResult = {
      state: next.run.state,
      status: "ACCEPT",
      details: { type: "accept_details" },
    };
    return accept({ result, was_created: true });
  }

  #present(run: TaskRun): TaskRun {
    return withEstimates(run, this.#host.now());
  }

  #mintStateId(): string {
    return formatId({
      layout: "state",
      key: this.#host.address.key.slice(0, 10),
      version: 7,
      head: this.#host.now(),
      tail: this.#host.randomUint(TAIL_BITS),
    });
  }
}

function refuseTaskRun(): ReturnType<typeof refuse> {
  return refuse("not_found", "Task run not found");
}
