/** Keeping one lease alive. Runs in a thread of its own, or in the work thread where no other can be had. */
import { setTimeout as sleep } from "node:timers/promises";
import { EXPIRES_IN_HEADER } from "../contract/headers.ts";
import { LeaseClock } from "./lease-clock.ts";
import { watchLease } from "./lease-watch.ts";
import { monotonicMs, SuspendedTime } from "./monotonic.ts";

/** All that is needed to renew a lease; it crosses threads. */
export interface RenewalOrder {
  lease_id: string;
  /** Where renewals are posted; each extends the lease by what it was granted for. */
  url: string;
  headers: Record<string, string>;
  /** The socket that tells of the lease's end; null where it would keep the process alive. */
  watch_url: string | null;
  lease_seconds: number;
  /** The work is told to stop this long before the deadline. */
  margin_ms: number;
  memory: SharedArrayBuffer;
}

export type LossReason = "ended_by_server" | "expired";

const FIRST_DELAY_MS = 250;
const DELAY_MS_MAX = 2000;
const REQUEST_MS_MAX = 10_000;
/** So soon it is noticed that the host was suspended. */
const LOOK_MS = 1000;

/**
 * Renews a lease at half its time, or at once when the server says that it was ended; tries again until its true
 * deadline when that fails, and resolves with the reason
 * when it is lost: the server says that it has ended (410), or the deadline less the margin has come. Resolves with
 * undefined when `signal` ends it.
 */
export async function renewUntilLost(
  order: RenewalOrder,
  signal: AbortSignal,
): Promise<LossReason | undefined> {
  const clock = new LeaseClock(order.memory);
  const leaseMs = order.lease_seconds * 1000;
  const suspended = new SuspendedTime();
  let failures = 0;
  const findNext = () =>
    failures === 0
      ? clock.deadlineMs - leaseMs / 2
      : monotonicMs() + Math.min(DELAY_MS_MAX, FIRST_DELAY_MS * 2 ** (failures - 1));
  let nextMs = findNext();
  /** Aborts when the server says that it is time to look again. */
  let woken = new AbortController();
  let ear = AbortSignal.any([signal, woken.signal]);
  const over = new AbortController();
  if (order.watch_url !== null)
    watchLease({ url: order.watch_url, headers: order.headers }, AbortSignal.any([signal, over.signal]), () =>
      woken.abort(),
    );
  try {
    while (!signal.aborted) {
      const untilMs = Math.min(nextMs, clock.deadlineMs - order.margin_ms, monotonicMs() + LOOK_MS);
      await wait(untilMs - monotonicMs(), ear);
      if (signal.aborted) return undefined;
      const sleptMs = suspended.take();
      // The server's time went on.
      clock.deadlineMs -= sleptMs;
      const leftMs = clock.deadlineMs - order.margin_ms - monotonicMs();
      if (leftMs <= 0) {
        clock.markLost();
        return "expired";
      }
      if (sleptMs === 0 && !ear.aborted && monotonicMs() < nextMs) continue;
      if (ear.aborted) {
        woken = new AbortController();
        ear = AbortSignal.any([signal, woken.signal]);
      }
      const answer = await renew(order, Math.min(leftMs, REQUEST_MS_MAX), signal);
      if (answer === "ended") {
        clock.markLost();
        return "ended_by_server";
      }
      failures = answer === "failed" ? failures + 1 : 0;
      if (answer !== "failed") clock.deadlineMs = answer.deadlineMs;
      nextMs = findNext();
    }
    return undefined;
  } finally {
    over.abort();
  }
}

/** One renewal. The deadline counts from the moment of sending: only then is it never later than the server's. */
async function renew(
  { url, headers, lease_seconds }: RenewalOrder,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ deadlineMs: number } | "ended" | "failed"> {
  const sentMs = monotonicMs();
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      // A grant that holds nothing is known to nobody but its holder.
      body: JSON.stringify({ lease_duration: lease_seconds }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(timeoutMs))]),
    });
    await answer.arrayBuffer();
    if (answer.status === 410) return "ended";
    const seconds = Number(answer.headers.get(EXPIRES_IN_HEADER) ?? "none");
    return answer.ok && Number.isFinite(seconds) ? { deadlineMs: sentMs + seconds * 1000 } : "failed";
  } catch {
    // Every failure to get an answer is the same here: try again while there is time.
    return "failed";
  }
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(Math.max(0, ms), undefined, { signal, ref: false });
  } catch {
    // Woken before the time.
  }
}
