/** The thread that renews leases, so that a work thread with a busy event loop loses none. */
import { parentPort } from "node:worker_threads";
import { renewUntilLost, type LossReason, type RenewalOrder } from "./renewal.ts";

export type ToRenewalThread = { type: "keep"; order: RenewalOrder } | { type: "drop"; lease_id: string };
export type FromRenewalThread = { type: "lost"; lease_id: string; reason: LossReason };

const port = parentPort;
const kept = new Map<string, AbortController>();

port?.on("message", (message: ToRenewalThread) => {
  if (message.type === "drop") {
    kept.get(message.lease_id)?.abort();
    kept.delete(message.lease_id);
    return;
  }
  void keep(message.order);
});

async function keep(order: RenewalOrder): Promise<void> {
  const controller = new AbortController();
  kept.set(order.lease_id, controller);
  const reason = await renewUntilLost(order, controller.signal);
  kept.delete(order.lease_id);
  if (reason !== undefined)
    port?.postMessage({ type: "lost", lease_id: order.lease_id, reason } satisfies FromRenewalThread);
}
