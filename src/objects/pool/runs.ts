/** How flow runs of a pool come into being, are edited, and go. States are `run-states.ts`. */
import { journalOfRun } from "../../contract/journals.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatInstant, instantToMs } from "../../contract/instants.ts";
import type { Labels } from "../../contract/wire/common.ts";
import { EmpiricalPolicy, type FlowRun, type FlowRunUpdate } from "../../contract/wire/flow-runs.ts";
import { inventRunName } from "../../domain/flow-run/run-name.ts";
import { startRun } from "../../domain/flow-run/start-run.ts";
import { findJobVariablesFault } from "../../domain/pool/schemas.ts";
import type { PoolAttempts } from "./attempts.ts";
import { clip } from "../../domain/audit/changes.ts";
import type { ActEnvelope } from "../shared/acts.ts";
import type { Answer } from "../shared/actor.ts";
import type { PoolJournals } from "./journals.ts";
import type { PoolQueues } from "./queues.ts";
import { mintId, mintRequestId, poolOf, type PoolContext } from "./context.ts";
import { targetOfRun } from "./run-states.ts";
import type { PoolOperations, RunDraft } from "./operations.ts";
import type { PoolRow, QueueRow } from "./rows.ts";
import type { DeploymentLimit } from "./deployment-limit.ts";
import { refuseRun, type RunRecords } from "./run-records.ts";
import type { RunSlots } from "./run-slots.ts";

const MINT_ATTEMPTS_MAX = 8;

type Created = PoolOperations["create_run"]["answer"];

/** Creating, editing and deleting runs. */
export class PoolRuns {
  readonly #context: PoolContext;
  readonly #records: RunRecords;
  readonly #slots: RunSlots;
  readonly #limit: DeploymentLimit;
  readonly #attempts: PoolAttempts;
  readonly #queues: PoolQueues;
  readonly #journals: PoolJournals;

  constructor(
    context: PoolContext,
    records: RunRecords,
    slots: RunSlots,
    limit: DeploymentLimit,
    attempts: PoolAttempts,
    queues: PoolQueues,
    journals: PoolJournals,
  ) {
    this.#journals = journals;
    this.#attempts = attempts;
    this.#queues = queues;
    this.#context = context;
    this.#records = records;
    this.#slots = slots;
    this.#limit = limit;
  }

  create(command: PoolOperations["create_run"]["command"], envelope: ActEnvelope): Answer<Created> {
    const { draft, deployment, deployment_job_variables } = command;
    const pool = poolOf(this.#context);
    if (deployment !== null) {
      const noted = this.#slots.noteDeployment(deployment);
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
    const moved = this.findMoved(draft);
    if (moved !== undefined)
      return this.#journals.recall(moved, () => accept(this.insert(draft, poolOf(this.#context))));
    const created = this.insert(draft, pool);
    if (created.was_created) this.#tellRun(envelope, command, created.flow_run);
    return accept(created);
  }

  #tellRun(
    envelope: ActEnvelope,
    { draft, deployment_name }: PoolOperations["create_run"]["command"],
    { name, parameters }: FlowRun,
  ): void {
    if (draft.deployment_id === null) return;
    const names = Object.keys(parameters);
    const target = { kind: "deployment" as const, id: draft.deployment_id, name: deployment_name ?? "" };
    this.#context.acts.tell(envelope, "run", target, {
      run: { to: name },
      // Which of their values are secret says a schema that the pool does not have.
      ...(names.length > 0 && { parameters: { to: clip(names) } }),
    });
  }

  /** The run that was made with the same idempotency key and has moved to its journal. */
  findMoved(draft: RunDraft): string | undefined {
    if (draft.idempotency_key === null) return undefined;
    const known = this.#context.store.runs.findIdempotent(draft.flow_id, draft.idempotency_key);
    return known !== undefined && this.#journals.hasMoved(known) ? known : undefined;
  }

  /** Makes the run, or finds the one with the same idempotency key. */
  insert(draft: RunDraft, pool: PoolRow): Created {
    const context = this.#context;
    const { host, store } = context;
    const now = host.now();
    if (draft.idempotency_key !== null) {
      const known = store.runs.findIdempotent(draft.flow_id, draft.idempotency_key);
      const stored = known === undefined ? undefined : store.runs.readRun(known);
      if (stored !== undefined) return { flow_run: this.#records.present(stored.run), was_created: false };
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
    this.#records.save(
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
    return { flow_run: this.#records.present(run), was_created: true };
  }

  /** The queue of that name; an unknown one comes into being, and no name means the default. */
  #findQueue(draft: RunDraft, pool: PoolRow): QueueRow | undefined {
    const queues = this.#context.store.catalog.listQueues();
    const byId = queues.find(({ id }) => id === draft.work_queue_id);
    if (byId !== undefined) return byId;
    const name = draft.work_queue_name;
    if (name === null) return queues.find(({ id }) => id === pool.default_queue_id);
    const made = this.#queues.ensure(name);
    return made.ok ? this.#queues.find({ name }) : undefined;
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
    this.#records.save({ ...stored, run: next }, run);
    return accept(this.#records.present(next));
  }

  updateLabels(id: string, labels: Labels): Result<null> {
    const stored = this.#context.store.runs.readRun(id);
    if (stored === undefined) return refuseRun(id);
    const run = {
      ...stored.run,
      updated: formatInstant(this.#context.host.now()),
      labels: { ...stored.run.labels, ...labels },
    };
    this.#records.save({ ...stored, run }, stored.run);
    return accept(null);
  }

  /** Removes a run; what it holds or waits for is given back. */
  delete(id: string, envelope?: ActEnvelope): Result<null> {
    const { acts, host, send, store, wake } = this.#context;
    const stored = store.runs.readRun(id);
    if (stored === undefined) return refuse("not_found", "Flow run not found");
    this.#limit.leaveLine(stored);
    const lease = stored.run.state?.state_details.deployment_concurrency_lease_id ?? null;
    if (lease !== null) this.#limit.release(lease);
    this.#attempts.dropAttempt(id);
    store.attempts.deleteSubmitted(id);
    store.heartbeats.delete(id);
    store.runs.deleteRun(id);
    acts.tell(envelope, "delete", targetOfRun(stored.run), { state: { from: stored.run.state_name } });
    const journal = journalOfRun(host.address.workspace, id);
    if (journal !== undefined)
      send(journal, "delete_run_logs", mintRequestId(this.#context), { flow_run_id: id });
    wake("run_ready");
    return accept(null);
  }
}
