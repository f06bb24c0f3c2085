/** A socket to one limit: it opens when that is worth it and closes when nothing is said. */
import type { Socket } from "node:net";
import { Agent, buildConnector, WebSocket } from "undici";
import type { z } from "zod";
import { LIMIT_CALLS_MAX } from "../contract/bounds.ts";
import type { Acquire, LimitAnswers } from "../contract/wire/limits.ts";
import { segment, type Http } from "./http.ts";
import { monotonicMs } from "./monotonic.ts";

/** So many acquires within so long make a socket worth its opening. */
const OFTEN = 3;
const OFTEN_MS = 10_000;
const OPEN_MS = 5000;
/** A call that is not answered for so long is asked by a request. */
const ANSWER_MS = 5000;
const IDLE_MS = 30_000;
/** After a socket that did not open, or was lost, requests do for so long, and for longer each time that none answers. */
const REOPEN_MS = 30_000;
const REOPEN_MS_MAX = 15 * 60_000;
const NORMAL_CLOSURE = 1000;

export type LimitCallBody = { acquire: z.input<typeof Acquire> } | { release: { lease_id: string } };
type Answer = LimitAnswers["answers"][number];
type Settle = (answer: Answer | undefined) => void;

export class LimitSocket {
  readonly #http: Http;
  readonly #name: string;
  readonly #pending = new Map<number, Settle>();
  #uses: number[] = [];
  #socket: WebSocket | undefined;
  #connection: Socket | undefined;
  #unsent: ({ id: number } & LimitCallBody)[] = [];
  #lastId = 0;
  #idle: NodeJS.Timeout | undefined;
  #closedUntilMs = 0;
  /** How many sockets in a row were lost before they had answered. */
  #losses = 0;

  constructor(http: Http, name: string) {
    this.#http = http;
    this.#name = name;
  }

  get isClosed(): boolean {
    return this.#socket === undefined;
  }

  /** A request has acquired the limit: who does so often gets a socket, if it may. */
  noteUse(mayOpen: () => boolean): void {
    const now = monotonicMs();
    this.#uses = [...this.#uses.slice(1 - OFTEN), now];
    const isOften = this.#uses.length === OFTEN && now - (this.#uses[0] ?? 0) <= OFTEN_MS;
    if (isOften && this.isClosed && now >= this.#closedUntilMs && mayOpen()) this.#open();
  }

  /** The answer to a call; undefined when none comes, and at once where nothing can be asked. */
  call(
    body: LimitCallBody,
    signal: AbortSignal | undefined,
    timeoutSeconds = Number.POSITIVE_INFINITY,
  ): Promise<Answer | undefined> | undefined {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN || signal?.aborted === true) return undefined;
    this.#idle?.refresh();
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        reject(signal?.reason instanceof Error ? signal.reason : new Error(String(signal?.reason)));
        this.#unsent = this.#unsent.filter((call) => call.id !== id);
        settle(undefined);
      };
      // It also keeps the process alive until there is an answer, which the connection does not.
      const timer = setTimeout(() => this.#lose(socket), Math.min(ANSWER_MS, timeoutSeconds * 1000));
      const settle: Settle = (answer) => {
        clearTimeout(timer);
        this.#pending.delete(id);
        signal?.removeEventListener("abort", onAbort);
        resolve(answer);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#pending.set(id, settle);
      if (this.#unsent.length === 0) setImmediate(() => this.#send());
      this.#unsent.push({ id, ...body });
    });
  }

  /** What is still asked is asked by requests. */
  close(): void {
    if (this.#socket !== undefined) this.#leave(this.#socket);
  }

  destroy(): void {
    if (this.#socket !== undefined) this.#lose(this.#socket);
  }

  #send(): void {
    const calls = this.#unsent;
    this.#unsent = [];
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    for (let from = 0; from < calls.length; from += LIMIT_CALLS_MAX)
      this.#socket.send(JSON.stringify({ calls: calls.slice(from, from + LIMIT_CALLS_MAX) }));
  }

  #open(): void {
    // A socket is a connection of its own, which HTTP/2 is not.
    const connect = buildConnector({ timeout: OPEN_MS, allowH2: false });
    let connection: Socket | undefined;
    const dispatcher = new Agent({
      allowH2: false,
      headersTimeout: OPEN_MS,
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
      this.#connection = connection;
      // A socket that nobody uses does not keep a process alive.
      connection?.unref();
      this.#idle = setTimeout(() => this.#leave(socket), IDLE_MS).unref();
    });
    socket.addEventListener("message", ({ data }) => this.#hear(socket, data));
    // A failed opening is an error and a close: the close sees to both. The server closes old ones; others are lost.
    socket.addEventListener("close", ({ code }) => {
      if (code === NORMAL_CLOSURE) this.#leave(socket);
      else this.#lose(socket);
    });
  }

  #hear(socket: WebSocket, data: unknown): void {
    const answers = readAnswers(data);
    if (answers === undefined) return this.#lose(socket);
    this.#losses = 0;
    for (const answer of answers) this.#pending.get(answer.id)?.(answer);
  }

  /** The socket is of no use. */
  #lose(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    this.#closedUntilMs = monotonicMs() + Math.min(REOPEN_MS * 2 ** this.#losses, REOPEN_MS_MAX);
    this.#losses += 1;
    const connection = this.#connection;
    this.#leave(socket);
    // Nobody may be at its other end who would close it, too.
    connection?.destroy();
  }

  /** Without this socket, until there is another one: what was asked is asked by requests. */
  #leave(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#connection = undefined;
    clearTimeout(this.#idle);
    this.#unsent = [];
    for (const settle of this.#pending.values()) settle(undefined);
    socket.close();
  }
}

function readAnswers(data: unknown): Answer[] | undefined {
  try {
    const frame = JSON.parse(String(data)) as { answers?: unknown } | null;
    return Array.isArray(frame?.answers) ? (frame.answers as Answer[]) : undefined;
  } catch {
    return undefined;
  }
}
