/** What a pool asks the limit of a deployment on behalf of a run, and what it makes of the answers. */
import { LEASE_SECONDS_MAX } from "../../contract/bounds.ts";
import { addressOfKey, addressOfName, type ObjectAddress } from "../../contract/envelope.ts";
import type { Result } from "../../contract/errors.ts";
import { keyOfId } from "../../contract/ids.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { Grant, Limit, RunIdentity, Waiting } from "../../contract/wire/limits.ts";
import type { StateCreate } from "../../contract/wire/states.ts";
import type { SlotKnowledge } from "../../domain/flow-run/orchestrate.ts";
import { keyOfRequest } from "../../domain/limit/naming.ts";
import { mintRequestId, type PoolContext } from "./context.ts";
import type { DeploymentNote } from "./operations.ts";
import type { ActiveRow, StoredRun } from "./rows.ts";

/** Prefect's lease of a deployment's slot when the deployment names none (source: wire §4.1). */
const SLOT_LEASE_SECONDS = 300;
/** The slots of attempts that last longer than a lease are renewed this often, see {@link DeploymentLimit.keep}. */
const KEEP_MS = (LEASE_SECONDS_MAX * 1000) / 3;

/** What an intent does once the deployment's limit has answered. */
export type Intent =
  | { kind: "state"; proposed: StateCreate; is_forced: boolean; identity: RunIdentity | null }
  /** A claim found the run and its deployment's slot was not there yet. */
  | { kind: "slot" }
  /** The run is late, which cancels it where its deployment wants no run to wait for a slot. */
  | { kind: "late" };

/** The way to the limits of deployments. Nothing here changes a run that is stored. */
export class DeploymentLimit {
  readonly #context: PoolContext;

  constructor(context: PoolContext) {
    this.#context = context;
  }

  #send(run: FlowRun, operation: string, request_id: string, command: unknown): void {
    const { host, send } = this.#context;
    send(
      addressOfName(host.address.workspace, "limit", `deployment:${run.deployment_id}`),
      operation,
      request_id,
      command,
    );
  }

  /** Gives back a deployment's slot, whatever has become of the run. */
  release(lease_id: string): void {
    const key = keyOfId(lease_id, "lease");
    // The lease of nothing.
    if (key === undefined) return;
    const { host, send } = this.#context;
    const limit = addressOfKey(host.address.workspace, "limit", key);
    send(limit, "release", `release-${lease_id}`, { lease_id });
  }

  /** Gives back what a request of a run that is not here any more has got: a slot, or a place in line. */
  giveUp(limit: ObjectAddress, request_id: string): void {
    this.#context.send(limit, "withdraw", mintRequestId(this.#context), { request_id });
  }

  /** Takes a run's place out of the line. */
  withdraw(run: FlowRun, request_id: string): void {
    this.#send(run, "withdraw", mintRequestId(this.#context), { request_id });
  }

  /** Moves a run's place in the line before all others, if it has one there by then. */
  moveToFront({ run, priority, slot_request_id }: StoredRun): void {
    if (slot_request_id === null) return;
    const command = { waiter_id: keyOfRequest(slot_request_id), priority, is_to_front: true };
    this.#send(run, "set_priority", mintRequestId(this.#context), command);
  }

  /** Makes a lease last until the process of the run renews it itself. */
  renew(run: FlowRun, lease_id: string): void {
    this.#send(run, "renew", mintRequestId(this.#context), {
      lease_id,
      lease_seconds: this.#leaseSeconds(run),
    });
  }

  /**
   * The agent of these attempts was heard of at `before` and is now: their slots last for as long as they do. Whoever
   * hears of it seldom enough costs a limit a few calls a day.
   */
  keep(active: readonly ActiveRow[], before: number): void {
    const { store, host } = this.#context;
    if (Math.floor(before / KEEP_MS) === Math.floor(host.now() / KEEP_MS)) return;
    for (const { run } of store.runs.readRuns(active.map(({ run_id }) => run_id))) {
      const lease_id = run.state?.state_details.deployment_concurrency_lease_id ?? null;
      if (lease_id !== null) this.renew(run, lease_id);
    }
  }

  /** A run that does not wait any more gives back what its deployment's limit has or keeps for it. */
  leaveLine(stored: StoredRun): void {
    const request_id = stored.slot_request_id;
    const lease_id = stored.slot_lease_id;
    const kept = stored.run.state?.state_details.deployment_concurrency_lease_id ?? null;
    stored.slot_request_id = null;
    stored.slot_lease_id = null;
    stored.slot_expires_at = null;
    stored.is_parked = false;
    if (lease_id !== null && lease_id !== kept) this.release(lease_id);
    if (lease_id === null && request_id !== null) this.withdraw(stored.run, request_id);
  }

  /** Asks the deployment's limit on behalf of an intent; a later turn goes on from its answer. */
  ask(
    stored: StoredRun,
    need: { kind: "needs_slot" } | { kind: "needs_renewal"; lease_id: string } | { kind: "needs_look" },
    intent: Intent,
  ): string {
    const context = this.#context;
    const { host, store } = context;
    const { run } = stored;
    const id = mintRequestId(context);
    store.deployments.writeIntent(id, run.id, intent, host.now());
    if (need.kind === "needs_look") {
      this.#send(run, "read", id, {});
      return id;
    }
    const lease_seconds = this.#leaseSeconds(run);
    if (need.kind === "needs_renewal") {
      this.#send(run, "renew", id, { lease_id: need.lease_id, lease_seconds });
      return id;
    }
    const name = `deployment:${run.deployment_id}`;
    const { key } = addressOfName(host.address.workspace, "limit", name);
    this.#send(run, "acquire", id, {
      names: [name],
      members: [{ name, key }],
      request_id: id,
      slots: 1,
      mode: "concurrency",
      lease_seconds,
      wait_seconds: 0,
      // Who was moved to the front of its queue goes there in this line, too.
      priority: stored.priority,
      holder: { type: "flow_run", id: run.id },
      note: null,
      caller: { type: "run", pool_key: host.address.key },
      run: null,
    });
    return id;
  }

  /**
   * The end of an attempt of ours gives its slot back, and comes without fail: until then the slot must not go by itself,
   * because no command renews it.
   */
  #leaseSeconds(run: FlowRun): number {
    const { store } = this.#context;
    if ((store.attempts.readActive(run.id)?.attempt_id ?? null) !== null) return LEASE_SECONDS_MAX;
    const note = this.noteOf(run);
    return note?.grace_period_seconds ?? SLOT_LEASE_SECONDS;
  }

  /** What is known of a run's deployment. */
  noteOf({ deployment_id }: FlowRun): DeploymentNote | undefined {
    return deployment_id === null ? undefined : this.#context.store.deployments.readDeployment(deployment_id);
  }

  /** What is known of the deployment's slot without asking its limit. */
  slotOf(stored: StoredRun): SlotKnowledge {
    const { run } = stored;
    const note = this.noteOf(run);
    if (note === undefined || note.concurrency_limit === null) return { status: "none" };
    if (stored.slot_lease_id !== null) return { status: "granted", lease_id: stored.slot_lease_id };
    // A limit that was lowered takes nothing from a run that holds a slot.
    const held = run.state?.state_details.deployment_concurrency_lease_id ?? null;
    if (note.concurrency_limit === 0 && held === null) return { status: "zero" };
    return { status: "unknown" };
  }
}

/** Forgets what the limit keeps for a run. */
export function forgetSlot(stored: StoredRun): void {
  stored.slot_lease_id = null;
  stored.slot_expires_at = null;
  stored.slot_request_id = null;
}

/** What an answer of the deployment's limit says of the slot. */
export function readSlot(operation: string, command: unknown, result: Result<unknown>): SlotKnowledge {
  if (operation === "renew") {
    const { lease_id } = command as { lease_id: string };
    return result.ok ? { status: "renewed", lease_id } : { status: "lost" };
  }
  if (operation === "read") {
    if (!result.ok) return { status: "none" };
    const limit = result.value as Limit;
    return { status: limit.active && limit.active_slots >= limit.limit ? "full" : "none" };
  }
  // One slot is refused as too many by a limit of 0; any other refusal says that there is no such limit.
  if (!result.ok) return { status: result.error.code === "invalid" ? "zero" : "none" };
  const answer = result.value as Grant | Waiting;
  return answer.status === "granted" ? { status: "granted", lease_id: answer.lease_id } : { status: "full" };
}
