/** Faults in pools, their claims, sessions and runs. */
import { type Mutant, mutant } from "./mutant.ts";

export const POOL_MUTANTS: readonly Mutant[] = [
  mutant("a schedule gets no more runs than its first ones", "src/objects/workspace/planned-runs.ts", [
    "this.materialize(record, [stored], null);",
    "noteMaterialized(sql, stored.record.id, stored.materialized_until, null);",
  ]),
  mutant("a date of a schedule has no key of its own", "src/domain/catalog/materialization.ts", [
    "return `scheduled ${deploymentId} ${scheduleId} ${formatMicros(date)}`;",
    "return `scheduled ${deploymentId} ${scheduleId}`;",
  ]),
  mutant("a deleted pool keeps its scheduled runs", "src/objects/pool/run-deadlines.ts", [
    "if (!this.#isPoolDeleted()) return;",
    "if (max > 0) return;",
  ]),
  mutant("a pool that is deleted forgets when its attempts end", "src/objects/pool/actor.ts", [
    "for (const { name } of this.#context.store.catalog.listWorkers()) sessions.deleteWorker(name);",
    "void sessions;",
  ]),
  mutant(
    "a claim counts the slots of its queue only, and not those of the pool",
    "src/objects/pool/claims.ts",
    [
      "pool_used: active.filter(({ queue_id }) => queue_id !== null).length,",
      "pool_used: 0 * active.length,",
    ],
    [
      "pool.concurrency_limit !== null && active.length > pool.concurrency_limit",
      "pool.concurrency_limit !== null && active.length > 1_000_000",
    ],
  ),
  mutant("a queue gives its runs in the order of their ids", "src/objects/pool/line-store.ts", [
    'WHERE queue_id = ? ORDER BY priority, due_at, run_id LIMIT ?",\n        queue_id',
    'WHERE queue_id = ? ORDER BY priority, run_id LIMIT ?",\n        queue_id',
  ]),
  mutant("who was moved to the front waits like the others", "src/objects/pool/run-front.ts", [
    "if (stored.priority !== before) this.#records.save(stored, run);",
    "void this.#records;",
  ]),
  mutant("the priorities of queues do not count", "src/domain/pool/choose.ts", [
    "[...input.queues].sort((left, right) => left.priority - right.priority)",
    "[...input.queues].sort((left, right) => (left.id < right.id ? -1 : 1))",
  ]),
  mutant("a worker's own limit does not count", "src/objects/pool/claims.ts", [
    "worker_limit: worker.run_limit,",
    "worker_limit: null,",
  ]),
  mutant("a claim that is repeated gives other runs", "src/objects/pool/claims.ts", [
    "attempt_id !== null && wanted.has(attempt_id));",
    "attempt_id !== null && wanted.has(attempt_id) && false);",
  ]),
  mutant("the fence of a run does not rise", "src/objects/pool/claims.ts", [
    "const fence = stored.fence + 1;",
    "const fence = Math.max(1, stored.fence);",
  ]),
  mutant("the session of an idle agent is said to begin anew and does not", "src/objects/pool/sessions.ts", [
    "store.catalog.writeWorker({ ...worker, last_heartbeat_at: now, session_deadline, closed_at: null });",
    "void store;",
  ]),
  mutant("who speaks for an attempt that has ended is heard", "src/objects/pool/run-states.ts", [
    "return active?.attempt_id === attempt_id && active.fence === fence;",
    "return active === undefined || fence > 0 || attempt_id !== null;",
  ]),
  mutant(
    "the fence of who reports an end is not looked at",
    "src/objects/pool/attempts.ts",
    [
      "return active?.attempt_id === of.attempt_id && active.fence === of.fence ? active : undefined;",
      "return active;",
    ],
    ["this.#finish({ ...active, attempt_id, fence }, step);", "this.#finish(active, step);"],
  ),
  mutant("an agent that dies is never missed", "src/objects/pool/attempts.ts", [
    "for (const active of store.attempts.listLost(now - GRACE_MS, LOST_PER_SWEEP_MAX)) this.#giveUp(active);",
    "void LOST_PER_SWEEP_MAX;",
  ]),
  mutant("attempts end just after a start of the server", "src/objects/pool/attempts.ts", [
    "if (host.expiry_floor === 0 || now >= host.expiry_floor + GRACE_MS)",
    "if (host.expiry_floor >= 0)",
  ]),
  mutant("a clock that is put forward ends attempts", "src/objects/pool/attempts.ts", [
    "if (host.clock_stepped_at > 0 && now < host.clock_stepped_at + SILENCE_MAX_MS)",
    "if (host.clock_stepped_at < 0)",
  ]),
  mutant("a run that is cancelled begins all the same", "src/domain/flow-run/rules.ts", [
    'if (from?.type !== "CANCELLING" || to.type === "CANCELLED") return PASSED;',
    'if (from?.type !== "CANCELLING" || to.type === "CANCELLED" || to.type === "RUNNING") return PASSED;',
  ]),
  mutant("a run that is cancelled is completed all the same", "src/domain/flow-run/rules.ts", [
    'if (from?.type !== "CANCELLING" || to.type === "CANCELLED") return PASSED;',
    'if (from?.type !== "CANCELLING" || to.type === "CANCELLED" || to.type === "COMPLETED") return PASSED;',
  ]),
  mutant("nobody ends a cancellation that is not confirmed", "src/objects/pool/run-deadlines.ts", [
    "else this.#endCancelling(stored, now);",
    "else if (now < 0) this.#endCancelling(stored, now);",
  ]),
  mutant("a session has no grace", "src/objects/pool/attempts.ts", [
    "store.attempts.listLost(now - GRACE_MS, LOST_PER_SWEEP_MAX)",
    "store.attempts.listLost(now + 2 * GRACE_MS, LOST_PER_SWEEP_MAX)",
  ]),
  mutant("a claim that nobody starts is kept", "src/objects/pool/attempts.ts", [
    "else this.giveBack(active);",
    "else void active;",
  ]),
  mutant("the limits of an ended attempt are not visited", "src/objects/pool/attempts.ts", [
    "visitLimits(this.#context, { flow_run_id: run_id, attempt_id }, store.attempts.takeNotes(attempt_id));",
    "void visitLimits;",
  ]),
  mutant("an idempotency key is forgotten", "src/objects/pool/runs.ts", [
    "if (draft.idempotency_key !== null) store.runs.writeIdempotent(draft.flow_id, draft.idempotency_key, id);",
    "",
  ]),
  mutant("a future run is never found due", "src/domain/pool/place.ts", [
    'if (due_at > now) return { due_at, deadline: { at: due_at, kind: "due" } };',
    "if (due_at > now) return { due_at, deadline: null };",
  ]),
  mutant("a deployment's slot lasts as long as its lease", "src/objects/pool/deployment-limit.ts", [
    "if ((store.attempts.readActive(run.id)?.attempt_id ?? null) !== null) return LEASE_SECONDS_MAX;",
    "void LEASE_SECONDS_MAX;",
  ]),
  mutant("a run that ends keeps its deployment's slot", "src/objects/pool/run-states.ts", [
    "      this.#limit.release(decision.released_lease_id);\n    }\n    for (const key of",
    "    }\n    for (const key of",
  ]),
  mutant("a pause that nobody ends goes on for ever", "src/objects/pool/run-deadlines.ts", [
    'else if (kind === "pause") this.#states.failPause(stored);',
    'else if (kind === "pause") void stored;',
  ]),
  mutant("a suspended run is under way still", "src/domain/flow-run/rules.ts", [
    'return isSuspended || to !== "SCHEDULED"',
    'return !isSuspended || to !== "SCHEDULED"',
  ]),
  mutant(
    "a worker that does not claim takes more than there are slots",
    "src/objects/pool/room.ts",
    [
      "if (freeSlots(pool.concurrency_limit, inPool) === 0)",
      "if (freeSlots(pool.concurrency_limit, inPool) < 0)",
    ],
    [
      "if (queue !== undefined && freeSlots(queue_limit, inQueue) === 0)",
      "if (queue !== undefined && freeSlots(queue_limit, inQueue) < 0)",
    ],
  ),
  mutant("a paused run keeps its deployment's slot", "src/domain/flow-run/rules.ts", [
    'HOLDING: ReadonlySet<StateType> = new Set(["PENDING"',
    'HOLDING: ReadonlySet<StateType> = new Set(["PAUSED", "PENDING"',
  ]),
  mutant("what was retried in its process is for no worker any more", "src/domain/flow-run/rules.ts", [
    'to.type === "SCHEDULED" && from?.type !== "SCHEDULED" && empirical_policy.retry_type === "in_process"',
    'to.type === "SCHEDULED" && from === null && empirical_policy.retry_type === "in_process"',
  ]),
  mutant("what an agent still names is given up", "src/domain/pool/adopt.ts", [
    "attempt.attempt_id !== null && session.named?.has(attempt.attempt_id) === true;",
    'attempt.attempt_id === null && session.named?.has("") === true;',
  ]),
];
