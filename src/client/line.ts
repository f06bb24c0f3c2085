/** Getting a grant: one try by HTTP, then a place in line on a socket, or on held requests where sockets do not pass. */
import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import { LEASE_SECONDS_DEFAULT } from "../contract/bounds.ts";
import { ERRORS, type ErrorCode } from "../contract/errors.ts";
import type { Acquire, Grant, Waiting } from "../contract/wire/limits.ts";
import { SluiceApiError } from "./errors.ts";
import { jitter, PATIENT_RETRIES, pause, type Http } from "./http.ts";
import { monotonicMs } from "./monotonic.ts";
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
/** One try of confirming a grant. */
const CONFIRM_SECONDS = 3;

/**
 * Acquires. Waits for as long as `signal` allows, through lost connections and restarts of the server, and keeps the
 * place in line meanwhile. When it ends without a grant the place is given up.
 */
export async function takeGrant(http: Http, ask: Ask, options: LineOptions): Promise<Taken> {
  const limits = new Limits(http);
  for (let lost = 0; ; lost += 1) {
    const acquire = { ...ask, request_id: crypto.randomUUID() };
    try {
      const sentMs = monotonicMs();
      const first = await limits.acquire(
        { ...acquire, wait_seconds: 0 },
        { signal: options.signal, retries: PATIENT_RETRIES },
      );
      if (first.status === "granted") return { grant: first, countsFromMs: sentMs };
      options.onWaiting(first);
      const taken = await waitInLine(http, limits, acquire, options);
      if (taken !== undefined) return taken;
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

/** Stands in line under one request id. Undefined: the grant was lost on its way. */
async function waitInLine(
  http: Http,
  limits: Limits,
  acquire: z.input<typeof Acquire>,
  options: LineOptions,
): Promise<Taken | undefined> {
  for (let failures = 0; ; failures += 1) {
    const outcome = await waitOnSocket(http, acquire, options);
    if (outcome.type === "granted") return confirm(limits, outcome.grant, acquire, options.signal);
    if (outcome.type === "offered") {
      const taken = await takeOffer(limits, acquire, options);
      if (taken !== undefined) return taken;
      continue;
    }
    if (outcome.type === "refused" && !isWorthRepeating(outcome.error)) throw outcome.error;
    if (outcome.type === "closed" && outcome.wasOpen) failures = 0;
    if (failures >= CLOSED_SOCKETS_MAX) {
      const taken = await waitOnHeldRequests(limits, acquire, options);
      if (taken !== undefined) return taken;
      failures = 0;
    }
    await pause(jitter(Math.min(RECONNECT_MS_MAX, RECONNECT_MS * 2 ** failures)), options.signal);
  }
}

/** Takes an offer by a request that does not wait. Undefined: somebody else was quicker, and the place is kept. */
async function takeOffer(
  limits: Limits,
  acquire: z.input<typeof Acquire>,
  { signal, onWaiting }: LineOptions,
): Promise<Taken | undefined> {
  const sentMs = monotonicMs();
  const answer = await limits.acquire({ ...acquire, wait_seconds: 0 }, { signal });
  if (answer.status === "granted") return { grant: answer, countsFromMs: sentMs };
  onWaiting(answer);
  return undefined;
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
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SluiceApiError) || !isWorthRepeating(error)) throw error;
      return undefined;
    }
  }
}

/**
 * Renews a grant that came over a socket before anything is done with it: only so is it certain that the server still
 * holds it for us. Undefined: it does not.
 */
async function confirm(
  limits: Limits,
  grant: Grant,
  { mode }: Ask,
  signal: AbortSignal,
): Promise<Taken | undefined> {
  // What is rate-limited is used up by the grant: there is no lease to hold.
  if (mode === "rate_limit") return { grant, countsFromMs: monotonicMs() };
  const endsMs = monotonicMs() + grant.expires_in_seconds * 1000;
  for (;;) {
    const sentMs = monotonicMs();
    const leftMs = endsMs - sentMs;
    if (leftMs <= 0) return undefined;
    try {
      const expires_in_seconds = await limits.renew(grant.lease_id, {
        retries: 0,
        timeoutSeconds: Math.min(CONFIRM_SECONDS, leftMs / 1000),
        signal,
      });
      return { grant: { ...grant, expires_in_seconds }, countsFromMs: sentMs };
    } catch (error) {
      if (signal.aborted) {
        await releaseQuietly(limits, grant.lease_id);
        signal.throwIfAborted();
      }
      if (!(error instanceof SluiceApiError)) throw error;
      if (error.status === ERRORS.gone.status) return undefined;
      if (!isWorthRepeating(error)) throw error;
      await sleep(Math.min(200, leftMs));
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
    // An absent waiter is never granted anything, and a grant that nobody renews ends within seconds.
  }
}

async function releaseQuietly(limits: Limits, leaseId: string): Promise<void> {
  try {
    await limits.release(leaseId, { retries: 1, timeoutSeconds: WITHDRAW_SECONDS });
  } catch {
    // Never renewed, it ends within seconds.
  }
}
