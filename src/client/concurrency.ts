/** `concurrency()` and `rateLimit()`: hold slots of global limits while something runs. */
import { hostname } from "node:os";
import { basename } from "node:path";
import { writeCommand } from "../contract/commands.ts";
import { LEASE_SECONDS_DEFAULT } from "../contract/bounds.ts";
import { stopSecondsMax } from "../contract/margins.ts";
import { ERRORS } from "../contract/errors.ts";
import type { Holder, Waiting } from "../contract/wire/limits.ts";
import { callAfter } from "./backoff.ts";
import type { Client } from "./client.ts";
import { SluiceApiError } from "./errors.ts";
import { Http } from "./http.ts";
import { leaseKeeper } from "./lease-keeper.ts";
import { HeldLease, type Lease } from "./lease.ts";
import {
  checkOptions,
  isCount,
  isFlag,
  isFunction,
  isNumber,
  isObject,
  isSignal,
  isText,
} from "./options.ts";
import { takeGrant, type Ask, type Taken } from "./line.ts";
import { monotonicMs } from "./monotonic.ts";
import { Limits } from "./resources/limits.ts";

export interface RateLimitOptions {
  /** Slots to take of every limit named (default 1). */
  occupy?: number | undefined;
  /** Gives up waiting after so long with a {@link ConcurrencyTimeoutError}; 0 tries once. Default: waits for ever. */
  timeoutSeconds?: number | undefined;
  /** Turns what else would only be warned of into errors: a name that no limit has, a lease that was lost. */
  strict?: boolean | undefined;
  /** Lower numbers go first (default 0). */
  priority?: number | undefined;
  /** Shown to people who ask who holds or waits. Default: the flow run, else the program, its pid and its host. */
  note?: string | undefined;
  /** Gives up waiting, with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Told whenever the server says why, and behind whom, the caller waits. */
  onWaiting?: ((waiting: Waiting) => void) | undefined;
  /** Whose server to ask. Default: the environment's. */
  client?: Pick<Client, "http"> | undefined;
}

export interface ConcurrencyOptions extends RateLimitOptions {
  /**
   * For how long the slots stay taken when this process dies without a word (default 300, at least 5). It is renewed
   * in the background for as long as the process lives; a short one also means that a short outage of the server
   * loses it.
   */
  leaseSeconds?: number | undefined;
  /**
   * How long the work may need to stop once `lease.signal` is aborted (default 0): with more than 5 it is aborted that
   * much earlier. At most two fifths of the lease, about.
   */
  stopSeconds?: number | undefined;
  /** The run on whose behalf the slots are held, where that is not this process's own. */
  holder?: Holder | undefined;
}

const RATE_LIMIT_OPTIONS = {
  occupy: isCount,
  timeoutSeconds: isNumber(0),
  strict: isFlag,
  priority: isNumber(),
  note: isText,
  signal: isSignal,
  onWaiting: isFunction,
  client: isObject,
};
const CONCURRENCY_OPTIONS = {
  ...RATE_LIMIT_OPTIONS,
  leaseSeconds: isNumber(0),
  stopSeconds: isNumber(0),
  holder: isObject,
};

/** No slot became free in the time that the caller gave. The place in line is given up. */
export class ConcurrencyTimeoutError extends Error {
  constructor(names: readonly string[], timeoutSeconds: number, waiting: Waiting | undefined) {
    const place =
      waiting?.position === undefined || waiting.position === null
        ? ""
        : ` The place in line was ${waiting.position}.`;
    super(`No slot of ${names.join(", ")} became free within ${timeoutSeconds} s.${place}`);
    this.name = "ConcurrencyTimeoutError";
  }
}

/** No limit of that name exists, and the caller was strict. */
export class LimitMissingError extends Error {
  readonly names: readonly string[];
  constructor(names: readonly string[]) {
    super(describeMissing(names));
    this.name = "LimitMissingError";
    this.names = names;
  }
}

/**
 * Waits for slots of one or several limits (all of them or none), and holds them: for as long as `body` runs, or,
 * without a body, until the lease is released or disposed of.
 *
 * ```ts
 * await concurrency("gpu:gpu-1", { occupy: 1 }, async (lease) => infer(image, lease.signal));
 * await concurrency("gpu:gpu-1", async (lease) => infer(image, lease.signal)); // one slot
 *
 * await using lease = await concurrency(["gpu:gpu-1", "licence"]);
 * ```
 *
 * The lease is renewed in a thread of its own. When it is lost all the same, `lease.signal` is aborted before anybody
 * else may hold the slots; with `strict` the body's result is then a {@link LeaseLostError}. A name that no limit has
 * is warned of once and otherwise ignored; with `strict` it is a {@link LimitMissingError}.
 */
export function concurrency(names: string | readonly string[], options?: ConcurrencyOptions): Promise<Lease>;
export function concurrency<Value>(
  names: string | readonly string[],
  body: (lease: Lease) => Value | Promise<Value>,
): Promise<Value>;
export function concurrency<Value>(
  names: string | readonly string[],
  options: ConcurrencyOptions,
  body: (lease: Lease) => Value | Promise<Value>,
): Promise<Value>;
export async function concurrency<Value>(
  names: string | readonly string[],
  given: ConcurrencyOptions | ((lease: Lease) => Value | Promise<Value>) = {},
  last?: (lease: Lease) => Value | Promise<Value>,
): Promise<Lease | Value> {
  const options = typeof given === "function" ? {} : given;
  const body = typeof given === "function" ? given : last;
  checkOptions("concurrency", options, CONCURRENCY_OPTIONS);
  if (body !== undefined && typeof body !== "function")
    throw new TypeError("concurrency() wants a function to run while the slots are held.");
  const lease = await hold(listNames(names), options);
  if (body === undefined) return lease;
  try {
    const value = await body(lease);
    if (options.strict === true && lease.isLost) throw lease.describeLoss();
    return value;
  } catch (error) {
    if (options.strict === true && lease.isLost) throw lease.describeLoss(error);
    throw error;
  } finally {
    if (options.strict !== true && lease.isLost)
      process.emitWarning(lease.describeLoss().message, { type: "SluiceWarning" });
    await lease.release();
  }
}

/** Waits until limits with a decay allow one more use. Nothing is held, and nothing need be given back. */
export async function rateLimit(
  names: string | readonly string[],
  options: RateLimitOptions = {},
): Promise<void> {
  checkOptions("rateLimit", options, RATE_LIMIT_OPTIONS);
  const all = listNames(names);
  const { grant } = await take(all, { ...describeAsk(all, options), mode: "rate_limit" }, options);
  judgeMissing(findMissing(all, grant.limits), options.strict === true);
}

async function hold(names: string[], options: ConcurrencyOptions): Promise<HeldLease> {
  const http = httpOf(options);
  const lease_seconds = options.leaseSeconds ?? LEASE_SECONDS_DEFAULT;
  const stop_seconds = options.stopSeconds ?? 0;
  if (stop_seconds > stopSecondsMax(lease_seconds))
    throw new RangeError(
      `stopSeconds may be ${stopSecondsMax(lease_seconds)} at most with leaseSeconds ${lease_seconds}.`,
    );
  const startedMs = monotonicMs();
  const taken = await take(
    names,
    { ...describeAsk(names, options), lease_seconds, holder: options.holder },
    {
      ...options,
      onWaiting: (waiting) => {
        leaseKeeper.prepare();
        options.onWaiting?.(waiting);
      },
    },
  );
  const lease = new HeldLease(http, taken.grant, {
    names,
    lease_seconds,
    stop_seconds,
    countsFromMs: taken.countsFromMs,
    waitedSeconds: (monotonicMs() - startedMs) / 1000,
  });
  try {
    judgeMissing(findMissing(names, taken.grant.limits), options.strict === true);
  } catch (error) {
    await lease.release();
    throw error;
  }
  return lease;
}

async function take(names: string[], ask: Ask, options: RateLimitOptions): Promise<Taken> {
  const { timeoutSeconds, signal, strict, onWaiting } = options;
  options.signal?.throwIfAborted();
  const http = httpOf(options);
  let lastWaiting: Waiting | undefined;
  const ended = new AbortController();
  const giveUp = () => ended.abort(new ConcurrencyTimeoutError(names, timeoutSeconds ?? 0, lastWaiting));
  // The server lets those who wait pass a limit that is missing; of several it would come out only with the grant.
  const lookForMissing = async () => {
    const missing = await readMissing(http, names);
    if (missing.length > 0) ended.abort(new LimitMissingError(missing));
  };
  const callOff =
    timeoutSeconds === undefined || timeoutSeconds === 0
      ? undefined
      : callAfter(timeoutSeconds * 1000, giveUp);
  try {
    return await takeGrant(http, ask, {
      signal: signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]),
      onWaiting: (waiting) => {
        lastWaiting = waiting;
        if (timeoutSeconds === 0) giveUp();
        if (strict === true && names.length > 1) void lookForMissing();
        onWaiting?.(waiting);
      },
    });
  } finally {
    callOff?.();
  }
}

function describeAsk(
  names: string[],
  { occupy = 1, priority, note = describeProcess() }: RateLimitOptions,
): Ask {
  return {
    names,
    slots: occupy,
    ...(priority !== undefined && { priority }),
    ...(note !== undefined && { note }),
  };
}

/** Who asks, where no run does: the server knows nothing else of a process outside of runs. */
function describeProcess(): string | undefined {
  if (process.env["SLUICE_RUN"] !== undefined) return undefined;
  const program = basename(process.argv[1] ?? process.execPath);
  return `${program} (pid ${process.pid} on ${hostname()})`.slice(0, NOTE_CHARACTERS_MAX);
}

/** One name or several, each once, in one order: the order of taking them is not the caller's to choose. */
function listNames(names: string | readonly string[]): string[] {
  const all = [...new Set(typeof names === "string" ? [names] : names)].sort();
  if (all.length === 0) throw new TypeError("Name at least one limit.");
  return all;
}

function findMissing(names: string[], found: readonly { name: string }[]): string[] {
  return names.filter((name) => !found.some((limit) => limit.name === name));
}

/** Those of `names` of which the server says that there is no such limit. */
async function readMissing(http: Http, names: string[]): Promise<string[]> {
  const limits = new Limits(http);
  const looks = await Promise.allSettled(names.map((name) => limits.read(name)));
  return names.filter((_, index) => {
    const look = looks[index];
    return (
      look?.status === "rejected" &&
      look.reason instanceof SluiceApiError &&
      look.reason.status === ERRORS.not_found.status
    );
  });
}

const NOTE_CHARACTERS_MAX = 200;
const warnedNames = new Set<string>();

/** A limit that does not exist limits nothing: said once, or refused. */
function judgeMissing(missing: string[], isStrict: boolean): void {
  if (missing.length === 0) return;
  if (isStrict) throw new LimitMissingError(missing);
  const unsaid = missing.filter((name) => !warnedNames.has(name));
  if (unsaid.length === 0) return;
  for (const name of unsaid) warnedNames.add(name);
  process.emitWarning(`${describeMissing(unsaid)} The work goes on without.`, { type: "SluiceWarning" });
}

function describeMissing(names: readonly string[]): string {
  return `No limit is named ${names.join(", ")}; create it with \`${writeCommand("gcl", "create", names[0] ?? "", "--limit", "N")}\`.`;
}

let defaultHttp: Http | undefined;

function httpOf({ client }: RateLimitOptions): Http {
  return client?.http ?? (defaultHttp ??= new Http());
}
