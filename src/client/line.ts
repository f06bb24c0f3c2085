/** Getting a grant: one try by HTTP, then a place in line on a socket, or on held requests where sockets do not pass. */
import type { z } from "zod";
import { LEASE_SECONDS_DEFAULT } from "../contract/bounds.ts";
import { ERRORS, type ErrorCode } from "../contract/errors.ts";
import type { Acquire, Grant, Waiting } from "../contract/wire/limits.ts";
import { SluiceApiError } from "./errors.ts";
import { backoffMs, pause } from "./backoff.ts";
import { PATIENT_RETRIES, type Http } from "./http.ts";
import { monotonicMs } from "./monotonic.ts";
import { makeRequestId } from "./request-id.ts";
import { Limits } from "./resources/limits.ts";
import { waitOnSocket } from "./wait-socket.ts";

/** What is asked for; the request id is made here, anew for each place in line. */
export type Ask = Omit<z.input<typeof Acquire>, "request_id" | "wait_seconds">;

export interface Taken {
  grant: Grant;
  /** The moment, on the monotonic clock, from which the lease's time counts: never later than the server's. */
  countsFromMs: number;
}

export interface LineOptions {
  signal: AbortSignal;
  /** Told whenever the server says why, and behind whom, the caller waits. */
  onWaiting: (waiting: Waiting) => void;
}

/** No request is held for longer than half the lease, which counts from the moment when the request was sent. */
const HOLD_SECONDS = 25;
/** So many sockets in a row that could not even be opened mean that a proxy in between lets none through. */
const CLOSED_SOCKETS_MAX = 2;
const RECONNECT_MS = 100;
const RECONNECT_MS_MAX = 3000;
/** A grant may be lost before it arrives; one that is lost again and again is a fault to report. */
const LOST_GRANTS_MAX = 5;
const WITHDRAW_SECONDS = 3;

/**
 * Acquires. Waits for as long as `signal` allows, through lost connections and restarts of the server, and keeps the
 * place in line meanwhile. When it ends without a grant the place is given up.
 */
export async function takeGrant(http: Http, ask: Ask, options: LineOptions): Promise<Taken> {
  const limits = new Limits(http);
  for (let lost = 0; ; lost += 1) {
    const acquire = { ...ask, request_id: makeRequestId() };
    try {
      const taken = await takeOnce(http, limits, acquire, options);
      // Its time may be over when it is heard of, after a connection that stood still.
      if (monotonicMs() < taken.countsFromMs + taken.grant.expires_in_seconds * 1000) return taken;
      await releaseQuietly(limits, taken.grant.lease_id);
    } catch (error) {
      const isRefusal = error instanceof SluiceApiError && error.status !== 0;
      if (!isRefusal) await withdraw(limits, acquire);
      if (!isRefusal || error.status !== ERRORS.gone.status || lost >= LOST_GRANTS_MAX) throw error;
    }
    // The grant ended before it was heard of: a new place in line, under a new request id.
    if (lost >= LOST_GRANTS_MAX) {
      throw new SluiceApiError({
        status: ERRORS.gone.status,
        code: "gone",
        message: `The server granted ${ask.names.join(", ")} ${lost + 1} times, and each grant ended before it could be taken.`,
      });
    }
  }
}

/** Tries once, and then stands in line, under one request id. */
async function takeOnce(
  http: Http,
  limits: Limits,
  acquire: z.input<typeof Acquire>,
  options: LineOptions,
): Promise<Taken> {
  const sentMs = monotonicMs();
  const first = await limits.acquire(
    { ...acquire, wait_seconds: 0 },
    { signal: options.signal, retries: PATIENT_RETRIES },
  );
  if (first.status === "granted") return { grant: first, countsFromMs: sentMs };
  options.onWaiting(first);
  for (let failures = 0; ; failures += 1) {
    const outcome = await waitOnSocket(http, acquire, options);
    if (outcome.type === "granted") return outcome;
    if (outcome.type === "refused" && !isWorthRepeating(outcome.error)) throw outcome.error;
    if (outcome.type === "closed" && outcome.wasOpen) failures = 0;
    if (failures >= CLOSED_SOCKETS_MAX) {
      const taken = await waitOnHeldRequests(limits, acquire, options);
      if (taken !== undefined) return taken;
      failures = 0;
    }
    const delayMs = backoffMs(failures + 1, { baseMs: RECONNECT_MS, maxMs: RECONNECT_MS_MAX });
    await pause(delayMs, options.signal);
    options.signal.throwIfAborted();
  }
}

/**
 * Repeats held requests. When the turn comes the slot is offered, and the next request takes it with its whole lease.
 * Undefined: the server cannot be reached this way either, so neither way is known to be closed.
 */
async function waitOnHeldRequests(
  limits: Limits,
  acquire: z.input<typeof Acquire>,
  { signal, onWaiting }: LineOptions,
): Promise<Taken | undefined> {
  const wait_seconds = Math.min(HOLD_SECONDS, (acquire.lease_seconds ?? LEASE_SECONDS_DEFAULT) / 2);
  for (;;) {
    const sentMs = monotonicMs();
    try {
      const answer = await limits.acquire({ ...acquire, wait_seconds }, { signal, retries: 1 });
      if (answer.status === "granted") return { grant: answer, countsFromMs: sentMs };
      onWaiting(answer);
      const wasHeld = monotonicMs() - sentMs > 1000;
      if (answer.reason !== "offered" && !wasHeld) await pause(answer.retry_after_seconds * 1000, signal);
      signal.throwIfAborted();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SluiceApiError) || !isWorthRepeating(error)) throw error;
      return undefined;
    }
  }
}

/** Whether the same call may succeed later: no answer came, or the answer says "not now". */
function isWorthRepeating(error: SluiceApiError): boolean {
  if (error.code === "not_configured" || error.code === "bad_answer") return false;
  if (error.status === 0 || error.status >= 500) return true;
  return error.code !== undefined && error.code in ERRORS && ERRORS[error.code as ErrorCode].is_retryable;
}

/** Leaves the line; a grant on its way is released. Whoever cannot be told notices by himself, so failing is no error. */
async function withdraw(limits: Limits, { names, request_id }: z.input<typeof Acquire>): Promise<void> {
  try {
    await limits.withdraw(names, request_id, { retries: 1, timeoutSeconds: WITHDRAW_SECONDS });
  } catch {
    // An absent waiter is never granted anything, and what is held already ends by its lease.
  }
}

async function releaseQuietly(limits: Limits, leaseId: string): Promise<void> {
  try {
    await limits.release(leaseId, { retries: 1, timeoutSeconds: WITHDRAW_SECONDS });
  } catch {
    // Its time is over here, so it soon is there.
  }
}
