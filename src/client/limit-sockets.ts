/**
 * Calls of a limit on a socket. A process that acquires a limit often keeps one to it: acquires and releases are frames
 * then, which need no request each, and those of the same moment share one. Nothing depends on it: what no socket can
 * say, does not answer or refuses is asked by a request, which says the same under the same request id.
 */
import type { Socket } from "node:net";
import { Agent, buildConnector, WebSocket } from "undici";
import type { z } from "zod";
import { LIMIT_CALLS_MAX } from "../contract/bounds.ts";
import { keyOfId, type ShardKey } from "../contract/ids.ts";
import type { Acquire, Grant, LimitAnswers, LimitCall, Waiting } from "../contract/wire/limits.ts";
import { segment, type Http } from "./http.ts";
import { monotonicMs } from "./monotonic.ts";

/** So many acquires within so long make a socket worth its opening. */
const OFTEN = 3;
const OFTEN_MS = 10_000;
/** A call that is not answered for so long is asked by a request. */
const ANSWER_MS = 5000;
const IDLE_MS = 30_000;
/** After a socket that did not open, or was lost, requests do for so long. */
const REOPEN_MS = 30_000;
const OPEN_MS = 5000;
const LIMITS_KNOWN_MAX = 1000;

type Body = { acquire: z.input<typeof Acquire> } | { release: { lease_id: string } };
type Answer = LimitAnswers["answers"][number];
type Pending = (answer: Answer | undefined) => void;

/** The sockets of one connection to an API. */
export class LimitSockets {
  readonly #http: Http;
  readonly #sockets = new Map<string, LimitSocket>();
  readonly #byKey = new Map<ShardKey, LimitSocket>();

  constructor(http: Http) {
    this.#http = http;
    http.closed.addEventListener("abort", () => {
      for (const socket of this.#sockets.values()) socket.close();
    });
  }

  /** Acquires on a socket; undefined where a request must do it. Throws the signal's reason when it is aborted. */
  async acquire(
    acquire: z.input<typeof Acquire>,
    signal: AbortSignal | undefined,
  ): Promise<Grant | Waiting | undefined> {
    const [name] = acquire.names;
    if (name === undefined || acquire.names.length > 1 || (acquire.wait_seconds ?? 0) > 0) return undefined;
    const answer = await this.#sockets.get(name)?.call({ acquire }, signal);
    return answer?.ok === true ? (answer.value as Grant | Waiting) : undefined;
  }

  /** Tells that a request has acquired a limit: who does so often gets a socket. */
  noteGrant({ lease_id, limits }: Grant): void {
    const [limit, ...others] = limits;
    if (limit === undefined || others.length > 0) return;
    let socket = this.#sockets.get(limit.name);
    if (socket === undefined) {
      if (this.#sockets.size >= LIMITS_KNOWN_MAX) this.#forgetClosed();
      socket = new LimitSocket(this.#http, limit.name);
      this.#sockets.set(limit.name, socket);
    }
    const key = keyOfId(lease_id, "lease");
    if (key !== undefined) this.#byKey.set(key, socket);
    socket.noteUse();
  }

  /** Releases on a socket; false where a request must do it. */
  async release(leaseId: string, signal: AbortSignal | undefined): Promise<boolean> {
    const key = keyOfId(leaseId, "lease");
    const socket = key === undefined ? undefined : this.#byKey.get(key);
    const answer = await socket?.call({ release: { lease_id: leaseId } }, signal);
    return answer?.ok === true;
  }

  #forgetClosed(): void {
    for (const [name, socket] of this.#sockets) if (!socket.isOpen) this.#sockets.delete(name);
    for (const [key, socket] of this.#byKey) if (!socket.isOpen) this.#byKey.delete(key);
  }
}

const known = new WeakMap<Http, LimitSockets>();

export function limitSocketsOf(http: Http): LimitSockets {
  const sockets = known.get(http) ?? new LimitSockets(http);
  known.set(http, sockets);
  return sockets;
}

/** A socket to one limit, which opens when it is worth it and closes when nothing is said. */
class LimitSocket {
  readonly #http: Http;
  readonly #name: string;
  readonly #pending = new Map<number, Pending>();
  #uses: number[] = [];
  #socket: WebSocket | undefined;
  #unsent: z.input<typeof LimitCall>[] = [];
  #lastId = 0;
  #idle: NodeJS.Timeout | undefined;
  #closedUntilMs = 0;
  #isClosing = false;

  constructor(http: Http, name: string) {
    this.#http = http;
    this.#name = name;
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Closes once all calls are answered, and does not open again. */
  close(): void {
    this.#isClosing = true;
    if (this.#pending.size === 0 && this.#socket !== undefined) this.#leave(this.#socket);
  }

  noteUse(): void {
    if (this.#isClosing) return;
    const now = monotonicMs();
    this.#uses = [...this.#uses.slice(1 - OFTEN), now];
    const isOften = this.#uses.length === OFTEN && now - (this.#uses[0] ?? 0) <= OFTEN_MS;
    if (isOften && this.#socket === undefined && now >= this.#closedUntilMs) this.#open();
  }

  /** The answer to a call; undefined when there is none. Throws the signal's reason when it is aborted. */
  call(body: Body, signal: AbortSignal | undefined): Promise<Answer | undefined> {
    signal?.throwIfAborted();
    if (!this.isOpen) return Promise.resolve(undefined);
    this.#idle?.refresh();
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        reject(signal?.reason instanceof Error ? signal.reason : new Error(String(signal?.reason)));
        settle(undefined);
      };
      // It also keeps the process alive until there is an answer, which the connection does not.
      const timer = setTimeout(() => this.#lose(this.#socket), ANSWER_MS);
      const settle: Pending = (answer) => {
        clearTimeout(timer);
        this.#pending.delete(id);
        signal?.removeEventListener("abort", onAbort);
        resolve(answer);
        if (this.#isClosing) this.close();
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#pending.set(id, settle);
      if (this.#unsent.length === 0) setImmediate(() => this.#send());
      this.#unsent.push({ id, ...body });
    });
  }

  #send(): void {
    const calls = this.#unsent;
    this.#unsent = [];
    if (!this.isOpen) return;
    for (let from = 0; from < calls.length; from += LIMIT_CALLS_MAX)
      this.#socket?.send(JSON.stringify({ calls: calls.slice(from, from + LIMIT_CALLS_MAX) }));
  }

  #open(): void {
    const connect = buildConnector({ timeout: OPEN_MS });
    let connection: Socket | undefined;
    const dispatcher = new Agent({
      connect: (options, callback) =>
        connect(options, (...result) => {
          connection = result[1] ?? undefined;
          callback(...result);
        }),
    });
    const path = `/v2/concurrency_limits/${segment(this.#name)}/calls`;
    const socket = new WebSocket(this.#http.socketUrl(path), {
      headers: { ...this.#http.headers },
      dispatcher,
    });
    this.#socket = socket;
    socket.addEventListener("open", () => {
      // A socket that nobody uses does not keep a process alive.
      connection?.unref();
      this.#idle = setTimeout(() => this.#leave(socket), IDLE_MS).unref();
    });
    socket.addEventListener("message", ({ data }) => this.#hear(data));
    // A failed opening is an error and a close: the close sees to both.
    socket.addEventListener("close", () => this.#lose(socket));
  }

  #hear(data: unknown): void {
    const { answers } = JSON.parse(String(data)) as LimitAnswers;
    for (const answer of answers) this.#pending.get(answer.id)?.(answer);
  }

  /** The socket is of no use: what was asked on it is asked by requests. */
  #lose(socket: WebSocket | undefined): void {
    if (socket === undefined || this.#socket !== socket) return;
    this.#closedUntilMs = monotonicMs() + REOPEN_MS;
    this.#leave(socket);
    for (const settle of this.#pending.values()) settle(undefined);
  }

  #leave(socket: WebSocket): void {
    this.#socket = undefined;
    clearTimeout(this.#idle);
    this.#unsent = [];
    socket.close();
  }
}
