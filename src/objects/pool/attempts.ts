/** Attempts: how the process of a claimed run begins and ends, and what is given up when nobody hears of it. */
import { GRACE_SECONDS, REPLAY_SECONDS } from "../../contract/bounds.ts";
import { foreignAttemptOf, runningStateOf } from "../../contract/attempts.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import type { AttemptEnd, AttemptStart } from "../../contract/wire/agents.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { RunIdentity } from "../../contract/wire/limits.ts";
import { isTerminal } from "../../contract/wire/states.ts";
import {
  decideAttemptEnd,
  decideLostRun,
  isGoneProcess,
  type EndStep,
} from "../../domain/pool/attempt-end.ts";
import { isRetryingInProcess } from "../../domain/pool/place.ts";
import { poolOf, type PoolContext } from "./context.ts";
import { visitLimits } from "./limit-visits.ts";
import { refuseRun, SILENCE_MAX_MS, type RunRecords } from "./run-records.ts";
import type { RunStates } from "./run-states.ts";
import type { ActiveRow, StoredRun } from "./rows.ts";

/** What a session or an attempt has beyond its deadline (promise I10). */
export const GRACE_MS = GRACE_SECONDS * 1000;
/** A claim is to be started within this long; its agent begins nothing later. */
export const START_WITHIN_SECONDS = 60;
/** Attempts that one sweep gives up; the next one goes on. */
const LOST_PER_SWEEP_MAX = 100;
const ENDED_PURGE_MS = 60_000;

/**
 * How long a claim stands whose start nobody reports, milliseconds. Its process may run all the same, without a word that
 * arrives, until its agent ends it for want of an answered beat: as long as a session that began with the claim.
 */
export function claimMs(session_seconds: number | null): number {
  return Math.max(START_WITHIN_SECONDS * 1000, (session_seconds ?? 0) * 1000 + GRACE_MS);
}

/** An attempt ends in one way only, whoever ends it: see `#finish`. */
export class PoolAttempts {
  readonly #context: PoolContext;
  readonly #records: RunRecords;
  readonly #states: RunStates;
  #purgedAt = 0;

  constructor(context: PoolContext, records: RunRecords, states: RunStates) {
    this.#context = context;
    this.#records = records;
    this.#states = states;
  }

  /** The process exists: from now on the session's deadline stands for the attempt. */
  startAttempt(
    command: AttemptStart & { flow_run_id: string; attempt_id: string },
  ): Result<null> | Promise<Result<null>> {
    const { store, host, wakeAt } = this.#context;
    const { flow_run_id, attempt_id, fence, infrastructure_pid } = command;
    const active = this.#readLive(command);
    if (active === undefined) return refuseEnded();
    const stored = store.runs.readRun(flow_run_id);
    if (stored === undefined) return refuseRun(flow_run_id);
    const worker = active.worker_name === null ? undefined : store.catalog.readWorker(active.worker_name);
    const until = (worker?.session_deadline ?? 0) + GRACE_MS;
    if (!active.is_started) {
      // A session that is over ends at once nothing that may last longer: its agent was just heard of.
      const deadline_at = until > host.now() ? null : active.deadline_at;
      store.attempts.writeActive({ ...active, attempt_id, fence, is_started: true, deadline_at });
    }
    wakeAt(until);
    // A process that was quicker than this report has said itself how it goes.
    const isSilent = command.sets_own_state === false && stored.run.state_type === "PENDING";
    // One write has both, where the state is taken.
    const started = infrastructure_pid === undefined ? stored.run : { ...stored.run, infrastructure_pid };
    const identity = { flow_run_id, attempt_id, fence };
    const running = runningStateOf(attempt_id);
    const answer = isSilent
      ? this.#states.propose({ ...stored, run: started }, running, false, identity, undefined)
      : undefined;
    const after = store.runs.readRun(flow_run_id);
    if (after !== undefined && after.run.infrastructure_pid !== started.infrastructure_pid) {
      const run = { ...after.run, infrastructure_pid: started.infrastructure_pid };
      this.#records.save({ ...after, run }, after.run);
    }
    return answer instanceof Promise ? answer.then(() => accept(null)) : accept(null);
  }

  /** The process is gone: the state is settled, and everything that the attempt held goes at once. */
  endAttempt(command: AttemptEnd & { flow_run_id: string; attempt_id: string }): Result<FlowRun> {
    const { store } = this.#context;
    const stored = store.runs.readRun(command.flow_run_id);
    if (stored === undefined) return refuseRun(command.flow_run_id);
    const active = this.#readLive(command);
    if (active === undefined) {
      // The report of an end that is known already, sent again: the same answer.
      if (store.attempts.listEnded([command.attempt_id]).size > 0)
        return accept(this.#records.present(stored.run));
      return refuseEnded();
    }
    // What ends is what was reported, not what happens to live: the statement itself looks at that (promise I6).
    const { attempt_id, fence } = command;
    const step = decideAttemptEnd(stored.run, command, poolOf(this.#context).lost_run_policy);
    this.#finish({ ...active, attempt_id, fence }, step);
    const after = store.runs.readRun(command.flow_run_id);
    return after === undefined ? refuseRun(command.flow_run_id) : accept(this.#records.present(after.run));
  }

  #readLive(of: { flow_run_id: string; attempt_id: string; fence: number }): ActiveRow | undefined {
    const active = this.#context.store.attempts.readActive(of.flow_run_id);
    return active?.attempt_id === of.attempt_id && active.fence === of.fence ? active : undefined;
  }

  /** Ends an attempt in the one way there is: row, tombstone, visits to its limits, then the run's state. */
  #finish(active: ActiveRow, step: EndStep): void {
    const { store, wake } = this.#context;
    const { run_id, attempt_id, fence } = active;
    if (attempt_id === null || fence === null) return;
    if (!store.attempts.deleteAttempt(run_id, attempt_id, fence)) return;
    this.#bury(run_id, attempt_id);
    const stored = store.runs.readRun(run_id);
    if (stored === undefined) return;
    this.#applyStep(stored, step);
    const after = store.runs.readRun(run_id);
    if (after !== undefined) {
      if (isRetryingInProcess(after.run)) this.#states.rescheduleRetry(after);
      // The run may have left the ready index only because its attempt lived.
      else if (after.run.state_type === "SCHEDULED") this.#records.save(after, after.run);
    }
    wake("run_ready");
  }

  #applyStep(stored: StoredRun, step: EndStep): void {
    if (step.kind === "requeue") {
      this.#states.requeue(stored, step.message);
      return;
    }
    if (step.kind === "keep") return;
    const outcome = this.#states.decide(stored, step.state, step.is_forced, { status: "none" });
    if (outcome.kind !== "decided") this.#states.decide(stored, step.state, true, { status: "none" });
  }

  /** Leaves a tombstone and visits every limit that the attempt has asked. */
  #bury(run_id: string, attempt_id: string): void {
    const { store, host } = this.#context;
    store.attempts.writeEndedAttempt(attempt_id, run_id, host.now());
    visitLimits(this.#context, { flow_run_id: run_id, attempt_id }, store.attempts.takeNotes(attempt_id));
  }

  /** A limit was asked on behalf of a run: kept until the attempt ends, or passed on at once when it has ended. */
  noteLimit({ run, limit_key }: { run: RunIdentity; limit_key: string }): Result<null> {
    const { store } = this.#context;
    if (run.attempt_id === run.flow_run_id) {
      const type = store.runs.readRun(run.flow_run_id)?.run.state_type ?? null;
      if (isGoneProcess(type)) visitLimits(this.#context, run, [limit_key]);
      else if (type !== null && !isTerminal(type)) store.attempts.writeNote(run.attempt_id, limit_key);
    } else if (this.#readLive(run) !== undefined) store.attempts.writeNote(run.attempt_id, limit_key);
    else visitLimits(this.#context, run, [limit_key]);
    return accept(null);
  }

  /** A run is deleted under its attempt: the process must stop, and owns nothing any more. */
  dropAttempt(run_id: string): void {
    const { store, wake } = this.#context;
    const active = store.attempts.readActive(run_id);
    // Nobody stops a process that is not our agent's: it keeps what it holds.
    store.attempts.takeNotes(foreignAttemptOf(run_id).attempt_id);
    if (active === undefined || active.attempt_id === null || active.fence === null) return;
    store.attempts.deleteAttempt(run_id, active.attempt_id, active.fence);
    this.#bury(run_id, active.attempt_id);
    wake("attempt_ended", active.worker_name ?? undefined);
  }

  /** Takes a claim back that was not started. */
  giveBack(active: ActiveRow): void {
    const stored = this.#context.store.runs.readRun(active.run_id);
    if (stored === undefined) return;
    const end = { outcome: "not_started", exit_code: null, signal: null, sets_own_state: false } as const;
    const { lost_run_policy } = poolOf(this.#context);
    this.#finish(active, decideAttemptEnd(stored.run, { ...end, message: null }, lost_run_policy));
  }

  #giveUp(active: ActiveRow): void {
    const { store } = this.#context;
    const stored = store.runs.readRun(active.run_id);
    if (stored === undefined) return;
    const { worker_name } = active;
    const worker = worker_name === null ? undefined : store.catalog.readWorker(worker_name);
    const silent_since = (worker?.session_deadline ?? Infinity) - (worker?.session_seconds ?? 0) * 1000;
    const lost = { worker_name: worker_name ?? "unknown", silent_since };
    this.#finish(active, decideLostRun(stored.run, lost, poolOf(this.#context).lost_run_policy));
  }

  /** Gives up what its agent did not start or was not heard of any more. */
  sweep(now: number): void {
    const { store, host, wake } = this.#context;
    if (host.clock_stepped_at > 0 && now < host.clock_stepped_at + SILENCE_MAX_MS)
      store.attempts.raiseDeadlines(host.clock_stepped_at, {
        silence_ms: SILENCE_MAX_MS,
        start_ms: START_WITHIN_SECONDS * 1000,
        grace_ms: GRACE_MS,
      });
    if (now >= host.expiry_floor) {
      for (const active of store.attempts.listActiveOverdue(now, LOST_PER_SWEEP_MAX)) {
        if (active.attempt_id === null) {
          const stored = store.runs.readRun(active.run_id);
          if (stored !== undefined) this.#states.giveUpSilent(stored);
          continue;
        }
        if (active.is_started && now < host.expiry_floor + GRACE_MS && host.expiry_floor > 0) continue;
        if (active.is_started) this.#giveUp(active);
        else this.giveBack(active);
        wake("attempt_ended", active.worker_name ?? undefined);
      }
    }
    if (host.expiry_floor === 0 || now >= host.expiry_floor + GRACE_MS)
      for (const active of store.attempts.listLost(now - GRACE_MS, LOST_PER_SWEEP_MAX)) this.#giveUp(active);
    if (now - this.#purgedAt >= ENDED_PURGE_MS) {
      store.attempts.deleteEndedBefore(now - REPLAY_SECONDS * 1000);
      this.#purgedAt = now;
    }
  }

  earliestDeadline(): number | undefined {
    const { store, host } = this.#context;
    const own = store.attempts.earliestActiveDeadline();
    const session = store.attempts.earliestSessionDeadline();
    const floor = host.expiry_floor === 0 ? 0 : host.expiry_floor + GRACE_MS;
    const found = [
      ...(own === undefined ? [] : [Math.max(own, floor)]),
      ...(session === undefined ? [] : [Math.max(session + GRACE_MS, floor)]),
    ];
    return found.length === 0 ? undefined : Math.min(...found);
  }
}

function refuseEnded(): ReturnType<typeof refuse> {
  return refuse("gone", "This attempt of the flow run has ended; nothing it says is taken any more.");
}
