/** The steps that runs take by the clock: they become due and late, leave pauses, cancellations and deleted pools, move. */
import { CANCELLING_SECONDS } from "../../contract/bounds.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { placeRun, type DeadlineKind } from "../../domain/pool/place.ts";
import type { PoolContext } from "./context.ts";
import type { PoolJournals } from "./journals.ts";
import { DEADLINE_KINDS, type StoredRun } from "./rows.ts";
import type { RunSlots } from "./run-slots.ts";
import type { RunStates } from "./run-states.ts";

/** Deadlines of each kind that one sweep handles; the next one goes on. */
const DEADLINES_PER_SWEEP_MAX = 200;
/** Scheduled runs of a deleted pool that one turn cancels. */
const CANCELLED_PER_SWEEP_MAX = 200;
/**
 * A burst of runs becomes Late all at once. That is news for people and changes nothing for who runs them, so it goes in
 * small steps, between which claims are not slowed down.
 */
const PER_SWEEP_MAX: { [Kind in DeadlineKind]?: number } = { late: 25, move: 25 };
const LATE_PAUSE_MS = 50;
const CANCELLED_WITH_POOL = "The work pool of this run was deleted.";

/** When a cancellation ends that nobody confirms: time that passes only by the clock, or while nobody can be heard, does not count. */
export function endOfCancelling({ host }: PoolContext, run: FlowRun): number {
  const steppedTo = host.clock_stepped_at === 0 ? 0 : host.clock_stepped_at + CANCELLING_SECONDS * 1000;
  return Math.max(placeRun(run, host.now()).deadline?.at ?? 0, host.expiry_floor, steppedTo);
}

export class RunDeadlines {
  readonly #context: PoolContext;
  readonly #states: RunStates;
  readonly #slots: RunSlots;
  readonly #journals: PoolJournals;
  /** Milliseconds since the epoch before which no more runs are marked Late. */
  #lateAfter = 0;

  constructor(context: PoolContext, states: RunStates, slots: RunSlots, journals: PoolJournals) {
    this.#context = context;
    this.#states = states;
    this.#slots = slots;
    this.#journals = journals;
  }

  sweep(now: number): void {
    const { store } = this.#context;
    if (store.line.hasDeadline(now)) this.#meetAll(now);
    this.cancelWithPool();
  }

  #meetAll(now: number): void {
    const { store } = this.#context;
    const due = DEADLINE_KINDS.filter((kind) => kind !== "late" || now >= this.#lateAfter).flatMap((kind) =>
      store.line.listDeadlines(kind, now, PER_SWEEP_MAX[kind] ?? DEADLINES_PER_SWEEP_MAX),
    );
    if (due.some(({ kind }) => kind === "late")) this.#lateAfter = now + LATE_PAUSE_MS;
    for (const { at, run_id, kind } of due) {
      const stored = store.runs.readRun(run_id);
      if (stored !== undefined) this.#meet(kind, stored, now);
      store.line.deleteDeadline(kind, at, run_id);
    }
  }

  #meet(kind: DeadlineKind, stored: StoredRun, now: number): void {
    if (kind === "due") this.#becomeDue(stored);
    else if (kind === "late") this.#states.markLate(stored);
    else if (kind === "pause") this.#states.failPause(stored);
    else if (kind === "slot") this.#slots.lapseSlot(stored);
    else if (kind === "move") this.#journals.move(stored);
    else this.#endCancelling(stored, now);
  }

  /** Nobody has confirmed a cancellation. */
  #endCancelling(stored: StoredRun, now: number): void {
    const { store, wakeAt } = this.#context;
    const at = endOfCancelling(this.#context, stored.run);
    if (at > now) {
      store.runs.writeRun(stored, { due_at: null, deadline: { at, kind: "cancelling" } }, now);
      wakeAt(at);
      return;
    }
    this.#states.forceCancelled(
      stored,
      "Nobody confirmed the cancellation in time, so the server set this run to Cancelled.",
    );
  }

  /** A future run becomes ready, and agents hear of it. */
  #becomeDue(stored: StoredRun): void {
    const { store, host, wake, wakeAt } = this.#context;
    const place = placeRun(stored.run, host.now(), this.#context.move_after_ms);
    const { is_ready } = store.runs.writeRun(stored, place, host.now());
    if (place.deadline !== null) wakeAt(place.deadline.at);
    if (is_ready) wake("run_ready");
  }

  /** The scheduled runs of a deleted pool are cancelled, a few in each turn; all of them before it is made anew. */
  cancelWithPool(max = CANCELLED_PER_SWEEP_MAX): void {
    const { store, host, wakeAt } = this.#context;
    if (!this.#isPoolDeleted()) return;
    for (let left = max; left > 0; left -= CANCELLED_PER_SWEEP_MAX) {
      const waiting = store.runs.listWaiting({}, CANCELLED_PER_SWEEP_MAX);
      for (const stored of waiting) this.#states.forceCancelled(stored, CANCELLED_WITH_POOL);
      if (waiting.length < CANCELLED_PER_SWEEP_MAX) return;
    }
    wakeAt(host.now() + 1);
  }

  /** When the next step is to be taken. */
  earliestDeadline(): number | undefined {
    const { store, host } = this.#context;
    if (this.#isPoolDeleted() && store.runs.listWaiting({}, 1).length > 0) return host.now();
    const late = store.line.earliestDeadline(["late"]);
    const other = store.line.earliestDeadline(DEADLINE_KINDS.filter((kind) => kind !== "late"));
    if (late === undefined) return other;
    return Math.min(Math.max(late, this.#lateAfter), other ?? Number.POSITIVE_INFINITY);
  }

  #isPoolDeleted(): boolean {
    return (this.#context.store.catalog.readPool()?.deleted_at ?? null) !== null;
  }
}
