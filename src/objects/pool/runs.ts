/** Flow runs of a pool: how they come into being, change their states and go. */
import { addressOfName } from "../../contract/envelope.ts";
import { journalOfRun } from "../../contract/journals.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatInstant, instantToMs } from "../../contract/instants.ts";
import type { Labels } from "../../contract/wire/common.ts";
import { EmpiricalPolicy, type FlowRun, type FlowRunUpdate } from "../../contract/wire/flow-runs.ts";
import type { Grant, RunIdentity, Waiting } from "../../contract/wire/limits.ts";
import {
  isTerminal,
  type OrchestrationResult,
  type State,
  type StateCreate,
} from "../../contract/wire/states.ts";
import { withEstimates } from "../../domain/flow-run/estimates.ts";
import { orchestrate, type SlotKnowledge } from "../../domain/flow-run/orchestrate.ts";
import { inventRunName } from "../../domain/flow-run/run-name.ts";
import { startRun } from "../../domain/flow-run/start-run.ts";
import { placeRun } from "../../domain/pool/place.ts";
import type { Effect } from "../shared/actor.ts";
import { isOnline } from "../../domain/pool/status.ts";
import { findJobVariablesFault } from "../../domain/pool/schemas.ts";
import { mintId, mintRequestId, poolOf, type PoolContext } from "./context.ts";
import type { DeploymentNote, PoolOperations, RunDraft } from "./operations.ts";
import type { PoolRow, QueueRow, StoredRun } from "./rows.ts";

/** Prefect's wait before a run that found no slot is looked at again (source: wire §4.1). */
const SLOT_WAIT_SECONDS = 30;
/** Prefect's lease of a deployment's slot when the deployment names none (source: wire §4.1). */
const SLOT_LEASE_SECONDS = 300;
/** A slot that was granted to a run which nobody claims lapses after this long. */
export const SLOT_LAPSES_MS = 20_000;
/**
 * A run of Prefect's workers, or of no worker, that says nothing for this long is given up. Only calls of the run itself
 * are seen here, so this is the longest silence that the design allows; a run that reports anything begins it anew.
 */
const SILENCE_MAX_MS = 24 * 3_600_000;
/** Runs that one change of their deployment's limit lets go on; the rest asks again by itself. */
const UNPARKED_MAX = 1000;
const STATES_LISTED_MAX = 1000;
const MINT_ATTEMPTS_MAX = 8;

export interface StateAnswer {
  result: OrchestrationResult;
  was_created: boolean;
}

/** What an intent does once the deployment's limit has answered. */
type Intent =
  | { kind: "state"; proposed: StateCreate; is_forced: boolean; identity: RunIdentity | null }
  /** A claim found the run and its deployment's slot was not there yet. */
  | { kind: "slot" };

export class PoolRuns {
  readonly #context: PoolContext;
  /** Callers whose proposal waits for the answer of a limit. Lost with the instance; the state is set all the same. */
  readonly #ears = new Map<string, (answer: Result<StateAnswer>) => void>();
  /** Called when a run has left the states in which its attempt may live. */
  onAttemptUnwanted: (run_id: string) => void = () => {};

  constructor(context: PoolContext) {
    this.#context = context;
  }

  /** Writes a run with everything that hangs on it: indexes, slots, deadlines, wakes. */
  save(stored: StoredRun, before: FlowRun | null): void {
    const { store, host, wake, wakeAt } = this.#context;
    const now = host.now();
    if (stored.run.state_type === "SCHEDULED" && before !== null) this.#keepInQueue(stored);
    const { run } = stored;
    if (run.state !== null && run.state_id !== before?.state_id) store.states.writeState(run.id, run.state);
    const holdsSlot =
      run.state_type === "PENDING" || run.state_type === "RUNNING" || run.state_type === "CANCELLING";
    const active = store.attempts.readActive(run.id);
    if (holdsSlot && (active === undefined || active.attempt_id === null)) this.#watchSubmitted(run, now);
    else if (!holdsSlot && active !== undefined && active.attempt_id === null) {
      store.attempts.deleteSubmitted(run.id);
      wake("run_ready");
    }
    if (run.state_type !== "SCHEDULED") {
      this.#leaveLine(stored);
      if (run.auto_scheduled && run.deployment_id !== null)
        store.runs.deleteScheduled(run.deployment_id, run.id);
    }
    const place = placeRun(run, now);
    const { is_ready } = store.runs.writeRun(stored, place, now);
    if (place.deadline !== null) wakeAt(place.deadline.at);
    if (stored.slot_expires_at !== null) wakeAt(stored.slot_expires_at);
    if (is_ready && before?.state_id !== run.state_id) wake("run_ready");
    if (
      active?.attempt_id !== null &&
      active !== undefined &&
      (run.state_type === "CANCELLING" || run.state_type === "CANCELLED") &&
      before?.state_type !== run.state_type
    )
      wake("cancel", active.worker_name ?? undefined);
  }

  /** A run whose queue was deleted waits in the default queue from now on. */
  #keepInQueue(stored: StoredRun): void {
    const { store } = this.#context;
    const { run } = stored;
    if (run.work_queue_id === null || store.catalog.hasQueue(run.work_queue_id)) return;
    const fallback = store.catalog
      .listQueues()
      .find(({ id }) => id === poolOf(this.#context).default_queue_id);
    stored.run = {
      ...run,
      work_queue_id: fallback?.id ?? null,
      work_queue_name: fallback?.name ?? null,
    };
  }

  /** A run that no agent of ours runs holds its slot, and is given up after a long silence. */
  #watchSubmitted(run: FlowRun, now: number): void {
    const deadline_at = now + SILENCE_MAX_MS;
    this.#context.store.attempts.writeActive({
      run_id: run.id,
      queue_id: run.work_queue_id,
      attempt_id: null,
      session_id: null,
      worker_name: null,
      fence: null,
      is_started: true,
      deadline_at,
    });
    this.#context.wakeAt(deadline_at);
  }

  /** Gives up a run that said nothing for long, unless the worker that submitted it still lives. */
  giveUpSilent(stored: StoredRun): void {
    const { store, host } = this.#context;
    const { run } = stored;
    const name = run.labels["prefect.worker.name"];
    const worker = typeof name === "string" ? store.catalog.readWorker(name) : undefined;
    if (worker !== undefined && isOnline(worker, host.now())) {
      this.#watchSubmitted(run, host.now());
      return;
    }
    const message = `Nothing was heard of this run for ${SILENCE_MAX_MS / 3_600_000} hours, so it was given up.`;
    this.decide(stored, { type: "CRASHED", name: "Crashed", message }, true);
  }

  /** A run that does not wait any more gives back what its deployment's limit has or keeps for it. */
  #leaveLine(stored: StoredRun): void {
    const request_id = stored.slot_request_id;
    const lease_id = stored.slot_lease_id;
    const kept = stored.run.state?.state_details.deployment_concurrency_lease_id ?? null;
    stored.slot_request_id = null;
    stored.slot_lease_id = null;
    stored.slot_expires_at = null;
    stored.is_parked = false;
    if (lease_id !== null && lease_id !== kept) this.releaseSlot(stored.run, lease_id);
    if (lease_id === null && request_id !== null)
      this.#askLimit(stored.run, "withdraw", mintRequestId(this.#context), { request_id });
  }

  #askLimit(run: FlowRun, operation: string, request_id: string, command: unknown): void {
    const { host, send } = this.#context;
    send(
      addressOfName(host.address.workspace, "limit", `deployment:${run.deployment_id}`),
      operation,
      request_id,
      command,
    );
  }

  /** Gives back a deployment's slot. */
  releaseSlot(run: FlowRun, lease_id: string): void {
    this.#askLimit(run, "release", `release-${lease_id}`, { lease_id });
  }

  create({
    draft,
    deployment,
    deployment_job_variables,
  }: PoolOperations["create_run"]["command"]): Result<{ flow_run: FlowRun; was_created: boolean }> {
    const pool = poolOf(this.#context);
    if (deployment !== null) {
      const noted = this.noteDeployment(deployment);
      // Who asked just before the deployment changed gets the run all the same; a deleted one makes no more.
      if (
        !noted.ok &&
        this.#context.store.deployments.readDeployment(deployment.deployment_id)?.is_removed === true
      )
        return refuse("not_found", "Deployment not found");
    }
    if (draft.job_variables !== null && Object.keys(draft.job_variables).length > 0 && !pool.is_internal) {
      const fault = findJobVariablesFault(pool.base_job_template, {
        ...deployment_job_variables,
        ...draft.job_variables,
      });
      if (fault !== undefined) return refuse("invalid", `Error creating flow run: ${fault}`);
    }
    return accept(this.insert(draft, pool));
  }

  /** Keeps what a run's deployment says; an older revision than the stored one loses. */
  noteDeployment(note: DeploymentNote, is_removed = false): Result<null> {
    const { store } = this.#context;
    const known = store.deployments.readDeployment(note.deployment_id);
    if (known !== undefined && known.revision > note.revision)
      return refuse("conflict", "The deployment has changed meanwhile; read it again.");
    if (known !== undefined && known.revision === note.revision && known.is_removed === is_removed)
      return accept(null);
    store.deployments.writeDeployment(note, is_removed);
    if (known !== undefined && known.concurrency_limit !== note.concurrency_limit) this.#unpark(note);
    return accept(null);
  }

  /** Another limit of their deployment lets parked runs go on; who stands in the limit's line hears from the limit itself. */
  #unpark({ deployment_id, concurrency_limit }: DeploymentNote): void {
    const { store, wake } = this.#context;
    for (const stored of store.runs.listWaiting({ deployment_id, is_parked: true }, UNPARKED_MAX)) {
      if (concurrency_limit !== null && stored.slot_request_id !== null) continue;
      stored.is_parked = false;
      stored.slot_expires_at = null;
      this.save(stored, stored.run);
    }
    wake("run_ready");
  }

  /** Makes the run, or finds the one with the same idempotency key. */
  insert(draft: RunDraft, pool: PoolRow): { flow_run: FlowRun; was_created: boolean } {
    const context = this.#context;
    const { host, store } = context;
    const now = host.now();
    if (draft.idempotency_key !== null) {
      const known = store.runs.findIdempotent(draft.flow_id, draft.idempotency_key);
      const stored = known === undefined ? undefined : store.runs.readRun(known);
      if (stored !== undefined) return { flow_run: this.present(stored.run), was_created: false };
    }
    // A run that its parent runs in its own process stands in no queue and holds no slot of the pool.
    const isSubflow =
      draft.parent_task_run_id !== null && draft.deployment_id === null && draft.work_queue_name === null;
    const isPooled = !pool.is_internal && !isSubflow;
    const queue = isPooled ? this.#findQueue(draft, pool) : undefined;
    const scheduled = draft.state.state_details?.scheduled_time ?? null;
    const expected = draft.state.type === "SCHEDULED" && scheduled !== null ? instantToMs(scheduled) : now;
    let id = mintId(context, "flow_run", expected);
    for (let tries = 1; store.runs.hasRun(id) && tries < MINT_ATTEMPTS_MAX; tries += 1)
      id = mintId(context, "flow_run", expected);
    const run = startRun({
      now,
      initial: draft.state,
      state_id: mintId(context, "state", now),
      draft: {
        id,
        name: draft.name ?? inventRunName(host.randomUint(31)),
        flow_id: draft.flow_id,
        deployment_id: draft.deployment_id,
        deployment_version: draft.deployment_version,
        work_queue_id: queue?.id ?? null,
        work_queue_name: queue?.name ?? null,
        flow_version: draft.flow_version,
        parameters: draft.parameters,
        idempotency_key: draft.idempotency_key,
        context: draft.context,
        empirical_policy: EmpiricalPolicy.parse(draft.empirical_policy),
        tags: draft.tags,
        labels: draft.labels,
        parent_task_run_id: draft.parent_task_run_id,
        auto_scheduled: draft.auto_scheduled,
        infrastructure_document_id: draft.infrastructure_document_id,
        infrastructure_pid: null,
        created_by: draft.created_by,
        work_pool_id: isPooled ? pool.id : null,
        work_pool_name: isPooled ? pool.name : null,
        job_variables: draft.job_variables ?? {},
      },
    });
    if (draft.idempotency_key !== null) store.runs.writeIdempotent(draft.flow_id, draft.idempotency_key, id);
    if (draft.auto_scheduled && draft.deployment_id !== null)
      store.runs.writeScheduled(draft.deployment_id, id);
    this.save(
      {
        run,
        priority: 0,
        fence: 0,
        is_parked: false,
        slot_lease_id: null,
        slot_expires_at: null,
        slot_request_id: null,
      },
      null,
    );
    return { flow_run: this.present(run), was_created: true };
  }

  /** The queue of that name; an unknown one comes into being, and no name means the default. */
  #findQueue(draft: RunDraft, pool: PoolRow): QueueRow | undefined {
    const queues = this.#context.store.catalog.listQueues();
    const byId = queues.find(({ id }) => id === draft.work_queue_id);
    if (byId !== undefined) return byId;
    const name = draft.work_queue_name;
    if (name === null) return queues.find(({ id }) => id === pool.default_queue_id);
    return queues.find((queue) => queue.name === name) ?? this.makeQueue(name);
  }
  /** Set by the actor: makes a queue of that name. */
  makeQueue: (name: string) => QueueRow | undefined = () => undefined;

  /** A run as it goes out now. */
  present(run: FlowRun): FlowRun {
    const { store, host } = this.#context;
    const queue = run.work_queue_id === null ? undefined : store.catalog.readQueueName(run.work_queue_id);
    return {
      ...withEstimates(run, host.now()),
      // The queue may have been renamed since; a deleted one is remembered by its last name.
      work_queue_name: queue ?? run.work_queue_name,
    };
  }

  read(id: string): Result<FlowRun> {
    const stored = this.#context.store.runs.readRun(id);
    return stored === undefined ? refuseRun(id) : accept(this.present(stored.run));
  }

  update(id: string, update: FlowRunUpdate): Result<FlowRun> {
    const { store, host } = this.#context;
    const stored = store.runs.readRun(id);
    if (stored === undefined) return refuseRun(id);
    const { run } = stored;
    if (update.job_variables !== undefined && run.state_type !== "SCHEDULED")
      return refuse("bad_request", "Job variables for a flow run can only be changed while it is scheduled.");
    const next: FlowRun = {
      ...run,
      updated: formatInstant(host.now()),
      ...(update.name !== undefined && update.name !== null && { name: update.name }),
      ...(update.flow_version !== undefined && { flow_version: update.flow_version }),
      ...(update.parameters !== undefined && { parameters: update.parameters }),
      ...(update.tags !== undefined && { tags: update.tags }),
      ...(update.infrastructure_pid !== undefined && { infrastructure_pid: update.infrastructure_pid }),
      ...(update.job_variables !== undefined && { job_variables: update.job_variables ?? {} }),
      ...(update.empirical_policy !== undefined && {
        empirical_policy: EmpiricalPolicy.parse({ ...run.empirical_policy, ...update.empirical_policy }),
      }),
    };
    this.save({ ...stored, run: next }, run);
    return accept(this.present(next));
  }

  updateLabels(id: string, labels: Labels): Result<null> {
    const stored = this.#context.store.runs.readRun(id);
    if (stored === undefined) return refuseRun(id);
    const run = { ...stored.run, labels: { ...stored.run.labels, ...labels } };
    this.save({ ...stored, run }, stored.run);
    return accept(null);
  }

  /** Removes a run; what it holds or waits for is given back. */
  delete(id: string): Result<null> {
    const { host, send, store, wake } = this.#context;
    const stored = store.runs.readRun(id);
    if (stored === undefined) return refuse("not_found", "Flow run not found");
    this.#leaveLine(stored);
    const lease = stored.run.state?.state_details.deployment_concurrency_lease_id ?? null;
    if (lease !== null) this.releaseSlot(stored.run, lease);
    this.onAttemptUnwanted(id);
    store.attempts.deleteSubmitted(id);
    store.runs.deleteRun(id);
    const journal = journalOfRun(host.address.workspace, id);
    if (journal !== undefined)
      send(journal, "delete_run_logs", mintRequestId(this.#context), { flow_run_id: id });
    wake("run_ready");
    return accept(null);
  }

  readStates(flow_run_id: string): State[] {
    return this.#context.store.states.listStates(flow_run_id, STATES_LISTED_MAX);
  }

  readState(id: string): Result<State> {
    const state = this.#context.store.states.readState(id);
    return state === undefined ? refuse("not_found", "Flow run state not found") : accept(state);
  }

  setState(command: {
    id: string;
    state: StateCreate;
    is_forced: boolean;
    run: RunIdentity | null;
  }): Result<StateAnswer> | Promise<Result<StateAnswer>> {
    const stored = this.#context.store.runs.readRun(command.id);
    if (stored === undefined) return refuseRun(command.id);
    return this.#propose(stored, command.state, command.is_forced, command.run, undefined);
  }

  resume(id: string): Result<StateAnswer> | Promise<Result<StateAnswer>> {
    const stored = this.#context.store.runs.readRun(id);
    if (stored === undefined) return refuseRun(id);
    const { state } = stored.run;
    if (state?.type !== "PAUSED") {
      return accept({
        result: {
          state,
          status: "ABORT",
          details: { type: "abort_details", reason: "Cannot resume a flow run that is not paused." },
        },
        was_created: false,
      });
    }
    const proposed: StateCreate =
      state.state_details.pause_reschedule === true
        ? {
            type: "SCHEDULED",
            name: "Resuming",
            state_details: { scheduled_time: formatInstant(this.#context.host.now()) },
          }
        : { type: "RUNNING", name: "Running" };
    return this.#propose(stored, proposed, false, null, undefined);
  }

  /**
   * Proposes a state. A process that speaks for a run must be its live attempt; others are not bound by a fence. Where
   * the deployment's limit has a say, an intent is written and a later turn decides.
   */
  #propose(
    stored: StoredRun,
    proposed: StateCreate,
    is_forced: boolean,
    identity: RunIdentity | null,
    learned: SlotKnowledge | undefined,
  ): Result<StateAnswer> | Promise<Result<StateAnswer>> {
    const { run } = stored;
    if (identity !== null && identity.flow_run_id === run.id && !this.#isLiveAttempt(identity)) {
      const reason = "This attempt of the flow run has ended; its states are not taken any more.";
      return accept({
        result: { state: run.state, status: "ABORT", details: { type: "abort_details", reason } },
        was_created: false,
      });
    }
    const outcome = this.decide(stored, proposed, is_forced, learned);
    if (outcome.kind === "decided") return accept(outcome.answer);
    return new Promise((resolve) => {
      const id = this.#ask(stored, outcome, { kind: "state", proposed, is_forced, identity });
      this.#ears.set(id, resolve);
    });
  }

  #isLiveAttempt({ flow_run_id, attempt_id, fence }: RunIdentity): boolean {
    const active = this.#context.store.attempts.readActive(flow_run_id);
    return active?.attempt_id === attempt_id && active.fence === fence;
  }

  /** Asks the deployment's limit on behalf of an intent; a later turn goes on from its answer. */
  #ask(
    stored: StoredRun,
    need: { kind: "needs_slot" } | { kind: "needs_renewal"; lease_id: string },
    intent: Intent,
  ): string {
    const context = this.#context;
    const { host, store } = context;
    const { run } = stored;
    const id = mintRequestId(context);
    store.deployments.writeIntent(id, run.id, intent, host.now());
    const lease_seconds = this.#leaseSeconds(run);
    if (need.kind === "needs_renewal") {
      this.#askLimit(run, "renew", id, { lease_id: need.lease_id, lease_seconds });
      return id;
    }
    const name = `deployment:${run.deployment_id}`;
    const { key } = addressOfName(host.address.workspace, "limit", name);
    this.#askLimit(run, "acquire", id, {
      names: [name],
      members: [{ name, key }],
      request_id: id,
      slots: 1,
      mode: "concurrency",
      lease_seconds,
      wait_seconds: 0,
      priority: 0,
      holder: { type: "flow_run", id: run.id },
      note: null,
      caller: { type: "run", pool_key: host.address.key },
      run: null,
    });
    return id;
  }

  #leaseSeconds(run: FlowRun): number {
    const note =
      run.deployment_id === null
        ? undefined
        : this.#context.store.deployments.readDeployment(run.deployment_id);
    return note?.grace_period_seconds ?? SLOT_LEASE_SECONDS;
  }

  /** What is known of the deployment's slot without asking its limit. */
  #slotOf(stored: StoredRun): SlotKnowledge {
    const { run } = stored;
    const note =
      run.deployment_id === null
        ? undefined
        : this.#context.store.deployments.readDeployment(run.deployment_id);
    if (note === undefined || note.concurrency_limit === null) return { status: "none" };
    if (stored.slot_lease_id !== null) return { status: "granted", lease_id: stored.slot_lease_id };
    // A limit that was lowered takes nothing from a run that holds a slot.
    const held = run.state?.state_details.deployment_concurrency_lease_id ?? null;
    if (note.concurrency_limit === 0 && held === null) return { status: "zero" };
    return { status: "unknown" };
  }

  /** Runs the state machine and stores what it decides. */
  decide(
    stored: StoredRun,
    proposed: StateCreate,
    is_forced: boolean,
    learned?: SlotKnowledge,
  ):
    | { kind: "decided"; answer: StateAnswer; run: FlowRun }
    | { kind: "needs_slot" }
    | { kind: "needs_renewal"; lease_id: string } {
    const context = this.#context;
    const now = context.host.now();
    const { run } = stored;
    const note =
      run.deployment_id === null ? undefined : context.store.deployments.readDeployment(run.deployment_id);
    const slot = learned ?? this.#slotOf(stored);
    const decision = orchestrate({
      now,
      run,
      proposed,
      is_forced,
      state_id: mintId(context, "state", now),
      slot,
      policy: {
        collision_strategy: note?.collision_strategy ?? "ENQUEUE",
        grace_period_seconds: note?.grace_period_seconds ?? null,
        slot_wait_seconds: SLOT_WAIT_SECONDS,
      },
    });
    if (decision.kind !== "decided") return decision;
    // A slot that was kept for the run stays kept while the run still waits for a worker.
    const isStillKept =
      decision.released_lease_id !== null &&
      decision.released_lease_id === stored.slot_lease_id &&
      (decision.run ?? run).state_type === "SCHEDULED";
    if (decision.released_lease_id !== null && !isStillKept) {
      if (stored.slot_lease_id === decision.released_lease_id) forgetSlot(stored);
      this.releaseSlot(run, decision.released_lease_id);
    }
    if (decision.run !== null) {
      const lease_id = decision.run.state?.state_details.deployment_concurrency_lease_id ?? null;
      if (lease_id !== null && lease_id === stored.slot_lease_id) {
        // From now on the lease must last until the process renews it itself.
        forgetSlot(stored);
        this.#askLimit(run, "renew", mintRequestId(context), {
          lease_id,
          lease_seconds: this.#leaseSeconds(run),
        });
      }
      stored.run = decision.run;
      this.save(stored, run);
    }
    return {
      kind: "decided",
      answer: { result: decision.answer, was_created: decision.run !== null },
      run: decision.run ?? run,
    };
  }

  /** Takes a run out of the ready index until its deployment's limit gives it a slot. */
  parkForSlot(stored: StoredRun): void {
    stored.is_parked = true;
    stored.slot_request_id ??= this.#ask(stored, { kind: "needs_slot" }, { kind: "slot" });
    this.save(stored, stored.run);
  }

  /** Goes on where an intent stopped, now that the limit has answered. */
  settle({ operation, request_id, command }: Effect, result: Result<unknown>): void {
    const { store } = this.#context;
    const intent = store.deployments.takeIntent<Intent>(request_id);
    if (intent === undefined) return;
    const stored = store.runs.readRun(intent.run_id);
    const resolve = this.#ears.get(request_id);
    this.#ears.delete(request_id);
    const slot = readSlot(operation, command, result);
    if (stored === undefined) {
      resolve?.(refuseRun(intent.run_id));
      return;
    }
    if (intent.body.kind === "slot") this.#settleSlot(stored, request_id, slot);
    else {
      // A refused proposal keeps its place in the line, so that the grant brings the run back at once.
      if (slot.status === "full") stored.slot_request_id = request_id;
      const { proposed, is_forced, identity } = intent.body;
      const lease = slot.status === "granted" ? slot.lease_id : null;
      const answer = this.#propose(stored, proposed, is_forced, identity, slot);
      if (lease !== null && identity !== null && !this.#isKept(stored.run.id, lease))
        this.releaseSlot(stored.run, lease);
      void Promise.resolve(answer).then((known) => resolve?.(known));
    }
  }

  /** Tells whether the run's stored state has this lease. */
  #isKept(id: string, lease_id: string): boolean {
    return (
      this.#context.store.runs.readRun(id)?.run.state?.state_details.deployment_concurrency_lease_id ===
      lease_id
    );
  }

  #settleSlot(stored: StoredRun, request_id: string, slot: SlotKnowledge): void {
    const note =
      stored.run.deployment_id === null
        ? undefined
        : this.#context.store.deployments.readDeployment(stored.run.deployment_id);
    if (stored.slot_request_id !== request_id || stored.run.state_type !== "SCHEDULED") {
      if (slot.status === "granted") this.releaseSlot(stored.run, slot.lease_id);
      else if (slot.status === "full")
        this.#askLimit(stored.run, "withdraw", mintRequestId(this.#context), { request_id });
      return;
    }
    if (slot.status === "granted") this.#keepSlot(stored, slot.lease_id);
    else if (slot.status === "full" && note?.collision_strategy === "CANCEL_NEW")
      this.decide(stored, { type: "PENDING", name: "Pending" }, false, slot);
    else if (slot.status === "none") this.#keepSlot(stored, mintId(this.#context, "empty_lease"));
    else if (slot.status !== "full") {
      // The limit has no room for anybody; it is asked again after a while.
      stored.slot_request_id = null;
      stored.slot_expires_at = this.#context.host.now() + SLOT_WAIT_SECONDS * 1000;
      this.save(stored, stored.run);
    }
  }

  /** A slot is there: the run may be claimed, and the slot lapses if nobody does. */
  #keepSlot(stored: StoredRun, lease_id: string): void {
    const now = this.#context.host.now();
    stored.slot_lease_id = lease_id;
    stored.slot_expires_at = now + SLOT_LAPSES_MS;
    stored.is_parked = false;
    const { run } = stored;
    // A refused proposal set a time to look again; the slot is there now.
    const next =
      run.state_name === "AwaitingConcurrencySlot"
        ? { ...run, next_scheduled_start_time: formatInstant(now) }
        : run;
    stored.run = next;
    this.save(stored, run);
    this.#context.wake("run_ready");
  }

  /** The deployment's limit has granted a slot to a run that stood in its line. */
  takeSlot(command: { flow_run_id: string; lease_id: string }): Result<null> {
    const stored = this.#context.store.runs.readRun(command.flow_run_id);
    if (stored === undefined) return accept(null);
    if (stored.slot_lease_id === command.lease_id) return accept(null);
    if (this.#isKept(stored.run.id, command.lease_id)) return accept(null);
    if (stored.run.state_type !== "SCHEDULED" || stored.slot_request_id === null) {
      this.releaseSlot(stored.run, command.lease_id);
      return accept(null);
    }
    this.#keepSlot(stored, command.lease_id);
    return accept(null);
  }

  /** A slot that nobody used goes back, or a refusal is over: the run asks again when it is claimed next. */
  lapseSlot(stored: StoredRun): void {
    const { slot_lease_id } = stored;
    forgetSlot(stored);
    stored.is_parked = false;
    if (slot_lease_id !== null) this.releaseSlot(stored.run, slot_lease_id);
    this.save(stored, stored.run);
  }

  /** Gives a run back to its queue, at the place in line that it had. */
  requeue(stored: StoredRun, message: string): void {
    const { run } = stored;
    const scheduled_time = run.state?.state_details.scheduled_time ?? formatInstant(this.#context.host.now());
    stored.run = {
      ...run,
      infrastructure_pid: null,
      empirical_policy: { ...run.empirical_policy, retry_type: "reschedule" },
    };
    this.decide(
      stored,
      { type: "SCHEDULED", name: "Scheduled", message, state_details: { scheduled_time } },
      true,
    );
  }

  /** A run that retries "in its process" and has none any more must be handed out again. */
  rescheduleRetry(stored: StoredRun): void {
    const { run } = stored;
    const lease_id = run.state?.state_details.deployment_concurrency_lease_id ?? null;
    if (lease_id !== null) this.releaseSlot(run, lease_id);
    stored.run = {
      ...run,
      infrastructure_pid: null,
      empirical_policy: { ...run.empirical_policy, retry_type: "reschedule" },
      state: run.state && {
        ...run.state,
        state_details: { ...run.state.state_details, deployment_concurrency_lease_id: null },
      },
    };
    this.save(stored, run);
    this.#context.wake("run_ready");
  }

  /** Marks a run Late. */
  markLate(stored: StoredRun): void {
    const scheduled_time = stored.run.next_scheduled_start_time;
    this.decide(stored, { type: "SCHEDULED", name: "Late", state_details: { scheduled_time } }, false, {
      status: "none",
    });
  }

  /** A pause that nobody ended fails its run. */
  failPause(stored: StoredRun): void {
    const verb = stored.run.state?.state_details.pause_reschedule === true ? "suspended" : "paused";
    this.decide(
      stored,
      { type: "FAILED", name: "Failed", message: `The flow was ${verb} and never resumed.` },
      true,
    );
  }

  /** Nobody confirmed the cancellation in time. */
  forceCancelled(stored: StoredRun, message: string): void {
    if (stored.run.state_type !== null && isTerminal(stored.run.state_type)) return;
    this.decide(stored, { type: "CANCELLED", name: "Cancelled", message }, true);
  }

  /** Forgets who waits: the instance's memory is not to be trusted after a failed turn. */
  forget(): void {
    for (const resolve of this.#ears.values()) resolve(refuse("unavailable"));
    this.#ears.clear();
  }
}

function forgetSlot(stored: StoredRun): void {
  stored.slot_lease_id = null;
  stored.slot_expires_at = null;
  stored.slot_request_id = null;
}

/** What an answer of the deployment's limit says of the slot. */
function readSlot(operation: string, command: unknown, result: Result<unknown>): SlotKnowledge {
  if (operation === "renew") {
    const { lease_id } = command as { lease_id: string };
    return result.ok ? { status: "renewed", lease_id } : { status: "lost" };
  }
  // One slot is refused as too many by a limit of 0; any other refusal says that there is no such limit.
  if (!result.ok) return { status: result.error.code === "invalid" ? "zero" : "none" };
  const answer = result.value as Grant | Waiting;
  return answer.status === "granted" ? { status: "granted", lease_id: answer.lease_id } : { status: "full" };
}

/** The refusal for a run that is not here. */
export function refuseRun(id: string): ReturnType<typeof refuse> {
  return refuse("not_found", `Flow run with id ${id} not found`);
}
