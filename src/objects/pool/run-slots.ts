/** Runs that need a slot of their deployment's limit: out of the ready index, in its line, back when it grants. */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { Grant, Waiting } from "../../contract/wire/limits.ts";
import type { SlotKnowledge } from "../../domain/flow-run/orchestrate.ts";
import type { Effect } from "../shared/actor.ts";
import { mintId, type PoolContext } from "./context.ts";
import type { DeploymentNote, PoolOperations } from "./operations.ts";
import type { StoredRun } from "./rows.ts";
import { type DeploymentLimit, forgetSlot, readSlot, type Intent } from "./deployment-limit.ts";
import { refuseRun, type RunRecords } from "./run-records.ts";
import { SLOT_WAIT_SECONDS, type RunStates } from "./run-states.ts";

/** A slot that was granted to a run which nobody claims lapses after this long. */
const SLOT_LAPSES_MS = 20_000;
/** A claim makes the slot's lease last by a renewal, which may need this long on its way: one that ends sooner is not used. */
const SLOT_RENEWAL_MS = 10_000;
/** Runs that one change of their deployment's limit lets go on; the rest asks again by itself. */
const UNPARKED_MAX = 1000;

/** A run waits for its deployment's slot as a row in that limit; its grant brings the run back. */
export class RunSlots {
  readonly #context: PoolContext;
  readonly #records: RunRecords;
  readonly #states: RunStates;
  readonly #limit: DeploymentLimit;

  constructor(context: PoolContext, records: RunRecords, states: RunStates, limit: DeploymentLimit) {
    this.#context = context;
    this.#records = records;
    this.#states = states;
    this.#limit = limit;
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
      this.#records.save(stored, stored.run);
    }
    wake("run_ready");
  }

  /** Takes a run out of the ready index until its deployment's limit gives it a slot. */
  parkForSlot(stored: StoredRun): void {
    stored.is_parked = true;
    stored.slot_request_id ??= this.#limit.ask(stored, { kind: "needs_slot" }, { kind: "slot" });
    this.#records.save(stored, stored.run);
  }

  /** Goes on where an intent stopped, now that the limit has answered. */
  settle({ target, operation, request_id, command }: Effect, result: Result<unknown>): void {
    const { store } = this.#context;
    const intent = store.deployments.takeIntent<Intent>(request_id);
    if (intent === undefined) return;
    const stored = store.runs.readRun(intent.run_id);
    const resolve = this.#states.takeEar(request_id);
    if (stored === undefined) {
      // It was deleted, or moved to its journal, while the limit was out of reach.
      if (operation === "acquire") this.#limit.giveUp(target, request_id);
      resolve?.(refuseRun(intent.run_id));
      return;
    }
    const hasEnded = operation === "acquire" && this.#hasEnded(result as Result<Grant | Waiting>);
    if (hasEnded) {
      const again = this.#askAgain(stored, request_id, intent.body);
      if (again !== undefined && resolve !== undefined) this.#states.keepEar(again, resolve);
      return;
    }
    let slot = readSlot(operation, command, result);
    if (intent.body.kind === "slot") this.#settleSlot(stored, request_id, slot);
    else if (intent.body.kind === "late") this.#states.settleLate(stored, slot);
    else {
      if (slot.status === "full" && stored.slot_request_id !== request_id)
        this.#keepPlace(stored, request_id);
      // The grant may have overtaken the refusal: that of this request, or of the place from before.
      if (slot.status === "full" && stored.slot_lease_id !== null)
        slot = { status: "granted", lease_id: stored.slot_lease_id };
      const { proposed, is_forced, identity } = intent.body;
      const answer = this.#states.propose(stored, proposed, is_forced, identity, slot);
      void Promise.resolve(answer).then((known) => resolve?.(known));
    }
  }

  /**
   * A proposal that finds no slot stands in the line now. That is the run's place, so that the grant brings it back at once,
   * unless it has one already, from before.
   */
  #keepPlace(stored: StoredRun, request_id: string): void {
    const { run } = stored;
    if (stored.slot_request_id !== null || this.#limit.noteOf(run)?.collision_strategy === "CANCEL_NEW") {
      this.#limit.withdraw(run, request_id);
      return;
    }
    stored.slot_request_id = request_id;
    // It is asked no more by the clock: the place must not be forgotten then.
    stored.slot_expires_at = null;
    stored.is_parked = false;
    this.#records.save(stored, run);
  }

  /** Tells whether a request for a slot has ended before its answer was heard; what is left of a late grant goes back. */
  #hasEnded(result: Result<Grant | Waiting>): boolean {
    if (!result.ok) return result.error.code === "gone";
    const { value: grant } = result;
    if (grant.status !== "granted" || grant.expires_in_seconds * 1000 > SLOT_RENEWAL_MS) return false;
    this.#limit.release(grant.lease_id);
    return true;
  }

  /** The slot was granted and has ended: that is no leave to go without one. */
  #askAgain(stored: StoredRun, request_id: string, intent: Intent): string | undefined {
    if (intent.kind !== "slot") return this.#limit.ask(stored, { kind: "needs_slot" }, intent);
    if (stored.slot_request_id !== request_id || stored.run.state_type !== "SCHEDULED") return undefined;
    stored.slot_request_id = this.#limit.ask(stored, { kind: "needs_slot" }, intent);
    this.#records.save(stored, stored.run);
    return undefined;
  }

  #settleSlot(stored: StoredRun, request_id: string, slot: SlotKnowledge): void {
    const note = this.#limit.noteOf(stored.run);
    if (stored.slot_request_id !== request_id || stored.run.state_type !== "SCHEDULED") {
      // A run that has gone on may have its slot by this very request: the grant has overtaken the answer.
      const kept = stored.run.state?.state_details.deployment_concurrency_lease_id ?? null;
      if (slot.status === "granted" && slot.lease_id !== kept) this.#limit.release(slot.lease_id);
      else if (slot.status === "full" && kept === null) this.#limit.withdraw(stored.run, request_id);
      return;
    }
    if (slot.status === "granted") this.#keepSlot(stored, slot.lease_id);
    else if (slot.status === "full" && note?.collision_strategy === "CANCEL_NEW")
      this.#states.decide(stored, { type: "PENDING", name: "Pending" }, false, slot);
    else if (slot.status === "none") this.#keepSlot(stored, mintId(this.#context, "empty_lease"));
    else if (slot.status !== "full") {
      // The limit has no room for anybody; it is asked again after a while.
      stored.slot_request_id = null;
      stored.slot_expires_at = this.#context.host.now() + SLOT_WAIT_SECONDS * 1000;
      this.#records.save(stored, stored.run);
    }
  }

  /** A slot is there: the run may be claimed, and the slot lapses if nobody does by `lapses_at`. */
  #keepSlot(stored: StoredRun, lease_id: string, lapses_at = Number.POSITIVE_INFINITY): void {
    const now = this.#context.host.now();
    if (stored.slot_lease_id !== null && stored.slot_lease_id !== lease_id)
      this.#limit.release(stored.slot_lease_id);
    stored.slot_lease_id = lease_id;
    stored.slot_expires_at = Math.min(now + SLOT_LAPSES_MS, lapses_at);
    stored.is_parked = false;
    const { run } = stored;
    // A refused proposal set a time to look again; the slot is there now.
    const next =
      run.state_name === "AwaitingConcurrencySlot"
        ? { ...run, next_scheduled_start_time: formatInstant(now) }
        : run;
    stored.run = next;
    this.#records.save(stored, run);
    this.#context.wake("run_ready");
  }

  /** The deployment's limit has granted a slot to a run that stood in its line. The word of it may be late. */
  takeSlot(command: PoolOperations["deployment_slot_granted"]["command"]): Result<null> {
    const stored = this.#context.store.runs.readRun(command.flow_run_id);
    if (stored === undefined) {
      this.#limit.release(command.lease_id);
      return accept(null);
    }
    if (stored.slot_lease_id === command.lease_id) return accept(null);
    if (this.#isKept(stored.run.id, command.lease_id)) return accept(null);
    const { request_id = stored.slot_request_id } = command;
    // A proposal learns from the answer to its request that it stands in line; the grant may be here before.
    const isMine =
      request_id !== null &&
      (request_id === stored.slot_request_id || this.#context.store.deployments.hasIntent(request_id));
    if (stored.run.state_type !== "SCHEDULED" || !isMine) {
      this.#limit.release(command.lease_id);
      return accept(null);
    }
    const lapses_at = command.expires_at - SLOT_RENEWAL_MS;
    if (lapses_at <= this.#context.host.now()) {
      this.#limit.release(command.lease_id);
      this.#askAgain(stored, request_id, { kind: "slot" });
      return accept(null);
    }
    stored.slot_request_id = request_id;
    this.#keepSlot(stored, command.lease_id, lapses_at);
    return accept(null);
  }

  /** A slot that nobody used goes back, or a refusal is over: the run asks again when it is claimed next. */
  lapseSlot(stored: StoredRun): void {
    const { slot_lease_id } = stored;
    forgetSlot(stored);
    stored.is_parked = false;
    if (slot_lease_id !== null) this.#limit.release(slot_lease_id);
    this.#records.save(stored, stored.run);
  }

  /** Tells whether the run's stored state has this lease. */
  #isKept(id: string, lease_id: string): boolean {
    return (
      this.#context.store.runs.readRun(id)?.run.state?.state_details.deployment_concurrency_lease_id ===
      lease_id
    );
  }
}
