/** Claims: the one transaction that gives flow runs to an agent, each as an attempt with a fence and a deadline. */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import type { Claim, ClaimAnswer, ClaimedRun } from "../../contract/wire/agents.ts";
import { chooseRuns } from "../../domain/pool/choose.ts";
import { InvariantViolation } from "../shared/actor.ts";
import { poolOf, type PoolContext } from "./context.ts";
import type { RunRecords } from "./run-records.ts";
import type { RunSlots } from "./run-slots.ts";
import type { RunStates } from "./run-states.ts";
import type { PoolSessions } from "./sessions.ts";
import type { QueueRow, WorkerRow } from "./rows.ts";
import { claimMs, START_WITHIN_SECONDS } from "./attempts.ts";

/** Runs that turn out not to be claimable make room for the next ones this many times. */
const CLAIM_ROUNDS_MAX = 4;

/** Gives runs to agents, within the limits of pool, queues, worker and deployments. */
export class PoolClaims {
  readonly #context: PoolContext;
  readonly #records: RunRecords;
  readonly #states: RunStates;
  readonly #slots: RunSlots;
  readonly #sessions: PoolSessions;

  constructor(
    context: PoolContext,
    records: RunRecords,
    states: RunStates,
    slots: RunSlots,
    sessions: PoolSessions,
  ) {
    this.#context = context;
    this.#records = records;
    this.#states = states;
    this.#slots = slots;
    this.#sessions = sessions;
  }

  /** Gives runs to an agent: at most one per attempt id, at most what pool, queues and worker have free. */
  claim(claim: Claim): Result<ClaimAnswer> {
    const { store, host } = this.#context;
    const now = host.now();
    const pool = poolOf(this.#context);
    const worker = store.catalog.readWorker(claim.worker_name);
    if (worker === undefined || worker.is_gone || worker.session_id !== claim.session_id)
      return refuse("gone", "This worker has no session any more; it must register again.");
    const mine = store.attempts.listActiveOfWorker(worker.name);
    // Of an agent that had nothing to lose the session may lapse, and begin again with what it is given.
    if ((worker.session_deadline ?? 0) <= now && mine.length > 0)
      return refuse("gone", "This worker's session is over; it must register again.");
    const claims = this.#repeatClaims(claim);
    const known = new Set(claims.map(({ attempt_id }) => attempt_id));
    const ended = store.attempts.listEnded(claim.attempt_ids);
    const fresh = [...new Set(claim.attempt_ids)].filter((id) => !known.has(id) && !ended.has(id));
    const all = store.catalog.listQueues();
    const queues = all.filter(
      ({ name }) => claim.work_queue_names.length === 0 || claim.work_queue_names.includes(name),
    );
    const repeated = claims.length;
    let reason: ClaimAnswer["reason"] = null;
    let isAnyParked = false;
    for (let round = 0; fresh.length > 0 && round < CLAIM_ROUNDS_MAX; round += 1) {
      const choice = this.#choose(fresh.length, worker, queues, pool);
      ({ reason } = choice);
      let isAllTaken = true;
      for (const run_id of choice.run_ids) {
        const attempt_id = fresh[0];
        if (attempt_id === undefined) break;
        const taken = this.#take(run_id, attempt_id, worker);
        if (taken === undefined) {
          isAllTaken = false;
          isAnyParked = true;
        } else {
          claims.push(taken);
          fresh.shift();
        }
      }
      if (isAllTaken) break;
    }
    if (fresh.length === 0) reason = null;
    else if (isAnyParked || store.deployments.hasSlotIntent()) reason = "deployment_full";
    this.#assertWithinLimits(claims.slice(repeated), worker, pool, all);
    const ends_at =
      claims.length === repeated
        ? (worker.session_deadline ?? 0)
        : this.#sessions.renew(worker, mine.length === 0);
    const due = store.line.earliestDeadline(["due"]);
    return accept({
      claims,
      next_due_in_seconds: due === undefined ? null : Math.max(0, (due - now) / 1000),
      reason,
      session_expires_in_seconds: Math.max(0, (ends_at - now) / 1000),
    });
  }

  /** Attempts of this claim that were given out before: the same answer again. */
  #repeatClaims(claim: Claim): ClaimedRun[] {
    const { store, host } = this.#context;
    const wanted = new Set(claim.attempt_ids);
    const rows = store.attempts
      .listActiveOfWorker(claim.worker_name)
      .filter(({ attempt_id }) => attempt_id !== null && wanted.has(attempt_id));
    const runs = new Map(
      store.runs.readRuns(rows.map(({ run_id }) => run_id)).map((stored) => [stored.run.id, stored] as const),
    );
    return rows.flatMap(({ run_id, attempt_id, fence, deadline_at }) => {
      const stored = runs.get(run_id);
      if (stored === undefined || attempt_id === null || fence === null) return [];
      return {
        attempt_id,
        fence,
        start_within_seconds:
          deadline_at === null
            ? START_WITHIN_SECONDS
            : Math.min(START_WITHIN_SECONDS, Math.max(0, (deadline_at - host.now()) / 1000)),
        flow_run: this.#records.present(stored.run),
      };
    });
  }

  #choose(
    wanted: number,
    worker: WorkerRow,
    queues: readonly QueueRow[],
    pool: { is_paused: boolean; concurrency_limit: number | null },
  ) {
    const { store } = this.#context;
    const active = store.attempts.listActive();
    const used = countBy(active, ({ queue_id }) => queue_id);
    return chooseRuns({
      wanted,
      is_paused: pool.is_paused,
      pool_limit: pool.concurrency_limit,
      pool_used: active.filter(({ queue_id }) => queue_id !== null).length,
      worker_limit: worker.run_limit,
      worker_used: active.filter(({ worker_name }) => worker_name === worker.name).length,
      queues: queues.map((queue) => ({
        id: queue.id,
        priority: queue.priority,
        is_paused: queue.is_paused,
        limit: queue.concurrency_limit,
        used: used.get(queue.id) ?? 0,
        ready: store.line.listReady(queue.id, wanted),
      })),
    });
  }

  /** Turns a ready run into an attempt; undefined where its state or its deployment's limit does not allow it now. */
  #take(run_id: string, attempt_id: string, worker: WorkerRow): ClaimedRun | undefined {
    const { store, host, wakeAt } = this.#context;
    const stored = store.runs.readRun(run_id);
    if (stored === undefined)
      throw new InvariantViolation("I3", "A run is ready that does not exist.", { run_id });
    const pool = poolOf(this.#context);
    const fence = stored.fence + 1;
    const deadline_at = host.now() + claimMs(worker.session_seconds);
    const isGiven = store.attempts.beginAttempt({
      run_id,
      queue_id: stored.run.work_queue_id,
      attempt_id,
      session_id: worker.session_id,
      worker_name: worker.name,
      fence,
      is_started: false,
      deadline_at,
    });
    if (!isGiven) {
      const active = store.attempts.readActive(run_id);
      throw active === undefined
        ? new InvariantViolation("I4", "The fence of a new attempt is not above the run's.", {
            run_id,
            fence,
          })
        : new InvariantViolation("I3", "A run is ready that has a live attempt.", { active });
    }
    // Also where it comes to nothing: what is written wants an alarm (I9).
    wakeAt(Math.max(deadline_at, host.expiry_floor));
    const labels = {
      ...stored.run.labels,
      "prefect.worker.name": worker.name,
      "prefect.worker.type": pool.type,
      "prefect.work-pool.name": pool.name,
      "prefect.work-pool.id": pool.id,
    };
    const outcome = this.#states.decide(
      { ...stored, fence, run: { ...stored.run, labels } },
      { type: "PENDING", name: "Pending" },
      false,
    );
    if (outcome.kind !== "decided" || outcome.run.state_type !== "PENDING") {
      store.attempts.deleteAttempt(run_id, attempt_id, fence);
      if (outcome.kind !== "decided" || outcome.run.state_type === "SCHEDULED")
        this.#slots.parkForSlot(stored);
      return undefined;
    }
    return {
      attempt_id,
      fence,
      start_within_seconds: START_WITHIN_SECONDS,
      flow_run: this.#records.present(outcome.run),
    };
  }

  /** Where a claim gave something, no limit may be passed now. */
  #assertWithinLimits(
    given: readonly ClaimedRun[],
    worker: WorkerRow,
    pool: { concurrency_limit: number | null },
    queues: readonly QueueRow[],
  ): void {
    if (given.length === 0) return;
    const all = this.#context.store.attempts.listActive();
    const mine = all.filter(({ worker_name }) => worker_name === worker.name);
    if (worker.run_limit !== null && mine.length > worker.run_limit)
      throw new InvariantViolation("I1", "A worker has more runs than it takes.", { worker, mine });
    const active = all.filter(({ queue_id }) => queue_id !== null);
    if (pool.concurrency_limit !== null && active.length > pool.concurrency_limit)
      throw new InvariantViolation("I1", "More runs are active than the pool has slots.", { active });
    const used = countBy(active, ({ queue_id }) => queue_id);
    for (const { id, concurrency_limit } of queues) {
      const isGiven = given.some(({ flow_run }) => flow_run.work_queue_id === id);
      if (isGiven && concurrency_limit !== null && (used.get(id) ?? 0) > concurrency_limit)
        throw new InvariantViolation("I1", "More runs are active than the queue has slots.", { id, active });
    }
  }
}

function countBy<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string | null,
): Map<string | null, number> {
  const counts = new Map<string | null, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}
