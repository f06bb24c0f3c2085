/** The work thread's side of renewal: one thread renews all leases of a process. */
import { Worker } from "node:worker_threads";
import type { FromRenewalThread, ToRenewalThread } from "./renewal-thread.ts";
import { renewUntilLost, type LossReason, type RenewalOrder } from "./renewal.ts";

interface Kept {
  order: RenewalOrder;
  onLost: (reason: LossReason) => void;
  /** Ends the renewal in this thread, where it runs here. */
  local?: AbortController;
}

/** Keeps leases alive until they are dropped. The thread starts with the first lease and never keeps a process alive. */
export class LeaseKeeper {
  readonly #kept = new Map<string, Kept>();
  #thread: Worker | undefined;
  /** A thread cannot be had: the environment forbids it, or a bundler has left its file behind. */
  #hasNoThread = false;

  /** Starts the thread ahead of the first lease: whoever waits in line has the time, whoever is granted has not. */
  prepare(): void {
    this.#thread ??= this.#start();
  }

  /** Renews the lease from now on; `onLost` is called at most once, and never after {@link drop}. */
  keep(order: RenewalOrder, onLost: (reason: LossReason) => void): void {
    const kept: Kept = { order, onLost };
    this.#kept.set(order.lease_id, kept);
    this.prepare();
    if (this.#thread === undefined) this.#keepHere(kept);
    else tell(this.#thread, { type: "keep", order });
  }

  /** Renews the lease no longer. */
  drop(leaseId: string): void {
    const kept = this.#kept.get(leaseId);
    if (kept === undefined) return;
    this.#kept.delete(leaseId);
    kept.local?.abort();
    if (this.#thread !== undefined) tell(this.#thread, { type: "drop", lease_id: leaseId });
  }

  #start(): Worker | undefined {
    if (this.#hasNoThread) return undefined;
    // The file beside this one, in the language that this one is in: source while developing, JavaScript when published.
    const file = import.meta.url.endsWith(".ts") ? "./renewal-thread.ts" : "./renewal-thread.js";
    let thread: Worker;
    try {
      thread = new Worker(new URL(file, import.meta.url), { name: "sluice-leases" });
    } catch {
      this.#hasNoThread = true;
      return undefined;
    }
    thread.on("message", ({ lease_id, reason }: FromRenewalThread) => this.#lose(lease_id, reason));
    thread.on("error", () => this.#renewHere());
    thread.on("exit", () => this.#renewHere());
    // After the listeners, for they would hold the process again.
    thread.unref();
    return thread;
  }

  /** The thread is gone: what it renewed is renewed here. */
  #renewHere(): void {
    this.#thread = undefined;
    this.#hasNoThread = true;
    for (const kept of this.#kept.values()) if (kept.local === undefined) this.#keepHere(kept);
  }

  #keepHere(kept: Kept): void {
    const controller = new AbortController();
    kept.local = controller;
    void renewUntilLost({ ...kept.order, watch_url: null }, controller.signal).then((reason) => {
      if (reason !== undefined) this.#lose(kept.order.lease_id, reason);
      return reason;
    });
  }

  #lose(leaseId: string, reason: LossReason): void {
    const kept = this.#kept.get(leaseId);
    this.#kept.delete(leaseId);
    kept?.onLost(reason);
  }
}

function tell(thread: Worker, message: ToRenewalThread): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- windows have origins, threads have none
  thread.postMessage(message);
}

/** One for the process: a thread per lease would be a waste. */
export const leaseKeeper = new LeaseKeeper();
