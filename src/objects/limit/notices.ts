/** Waiters that are objects of ours: a run in its pool, an acquire at its home. They hear of their turn by an effect. */
import { addressOfKey } from "../../contract/envelope.ts";
import { leaseIdOf } from "../../domain/limit/naming.ts";
import type { Lease, Waiter } from "../../domain/limit/types.ts";
import type { LimitCore } from "./core.ts";

/** Sends an effect on another object. */
export type Send = (
  target: ReturnType<typeof addressOfKey>,
  operation: string,
  request_id: string,
  command: unknown,
) => void;

/** The pool of a run that waited hears of its slot, or (null) that no slot is needed any more. */
export function tellRun(core: LimitCore, send: Send, waiter: Waiter, lease: Lease | null, now: number): void {
  const flow_run_id = waiter.holder?.type === "flow_run" ? waiter.holder.id : waiter.run?.flow_run_id;
  if (flow_run_id === undefined || waiter.pool_key === null) return;
  send(
    addressOfKey(core.host.address.workspace, "pool", waiter.pool_key),
    "deployment_slot_granted",
    `slot:${core.key}:${lease?.fence ?? waiter.seq}`,
    {
      flow_run_id,
      ...(waiter.request_id !== null && { request_id: waiter.request_id }),
      lease_id: lease === null ? core.emptyLeaseId() : leaseIdOf(core.key, lease),
      fence: lease?.fence ?? 0,
      expires_at: lease?.expires_at ?? now + waiter.lease_seconds * 1000,
    },
  );
}

/** An acquire over several limits hears from its home that room was made here. */
export function tellHome(core: LimitCore, send: Send, waiter: Waiter): void {
  if (waiter.pool_key === null || waiter.request_id === null) return;
  send(
    addressOfKey(core.host.address.workspace, "limit", waiter.pool_key),
    "wake_joint",
    `wake:${waiter.request_id}:${waiter.seq}`,
    { joint_id: waiter.request_id },
  );
}

/**
 * Somebody has given an acquire over several limits another place here: its home asks for that one when it comes again. Its
 * row is gone meanwhile where it has its slots here, or waits for long at a limit before this one.
 */
export function tellHomeOfMove(core: LimitCore, send: Send, waiter: Waiter, act_id: string): void {
  if (waiter.pool_key === null || waiter.request_id === null) return;
  send(
    addressOfKey(core.host.address.workspace, "limit", waiter.pool_key),
    "move_joint",
    `move:${waiter.request_id}:${core.key}:${act_id}`,
    { joint_id: waiter.request_id, key: core.key, priority: waiter.priority },
  );
}
