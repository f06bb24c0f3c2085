/**
 * Which limits are called on a socket. A process that acquires a limit often keeps one to it: acquires and releases are
 * frames then, which need no request each, and those of the same moment share one. Nothing depends on it: what no
 * socket can say, does not answer or refuses is asked by a request, which says the same under the same request id.
 */
import type { z } from "zod";
import { keyOfId, type ShardKey } from "../contract/ids.ts";
import type { Acquire, Grant, LimitAnswers, Waiting } from "../contract/wire/limits.ts";
import type { CallOptions, Http, Shared } from "./http.ts";
import { LimitSocket, type LimitCallBody } from "./limit-socket.ts";

/** A process that calls more limits than these makes requests to the others. */
const SOCKETS_MAX = 64;
/** More limits than these are not remembered, unless they have a socket. */
const LIMITS_MAX = 1000;

type Answer = LimitAnswers["answers"][number];

/** The sockets of one connection to an API. */
export class LimitSockets implements Shared {
  readonly #http: Http;
  readonly #sockets = new Map<string, LimitSocket>();
  readonly #byKey = new Map<ShardKey, LimitSocket>();
  /** What was begun on a socket, with the requests that it came to. */
  readonly #calls = new Set<Promise<unknown>>();
  #isClosing = false;

  constructor(http: Http) {
    this.#http = http;
  }

  /** Acquires on the limit's socket, else by `request`. */
  acquire(
    acquire: z.input<typeof Acquire>,
    options: CallOptions,
    request: () => Promise<Grant | Waiting>,
  ): Promise<Grant | Waiting> {
    const [name, ...others] = acquire.names;
    const mayBe = name !== undefined && others.length === 0 && (acquire.wait_seconds ?? 0) === 0;
    const call = this.#call(mayBe ? this.#sockets.get(name) : undefined, { acquire }, options);
    if (call === undefined) return this.#request(request);
    return this.#keep(
      call.then((answer) =>
        answer?.ok === true ? (answer.value as Grant | Waiting) : this.#request(request),
      ),
    );
  }

  /** Releases on the socket of the lease's limit, else by `request`. */
  release(leaseId: string, options: CallOptions, request: () => Promise<void>): Promise<void> {
    const key = keyOfId(leaseId, "lease");
    const socket = key === undefined ? undefined : this.#byKey.get(key);
    const call = this.#call(socket, { release: { lease_id: leaseId } }, options);
    if (call === undefined) return request();
    return this.#keep(call.then((answer) => (answer?.ok === true ? undefined : request())));
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    while (this.#calls.size > 0) await Promise.allSettled(this.#calls);
    for (const socket of this.#sockets.values()) socket.close();
  }

  destroy(): void {
    this.#isClosing = true;
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  /** At once undefined where no socket can be asked. */
  #call(
    socket: LimitSocket | undefined,
    body: LimitCallBody,
    { headers, signal, timeoutSeconds }: CallOptions,
  ): Promise<Answer | undefined> | undefined {
    // The headers of a socket are those of its opening.
    if (this.#isClosing || headers !== undefined) return undefined;
    return socket?.call(body, signal, timeoutSeconds);
  }

  async #request(request: () => Promise<Grant | Waiting>): Promise<Grant | Waiting> {
    const answer = await request();
    if (answer.status === "granted") this.#noteGrant(answer);
    return answer;
  }

  async #keep<Value>(call: Promise<Value>): Promise<Value> {
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  /** A request has acquired a limit: one that is acquired often gets a socket. */
  #noteGrant({ lease_id, limits }: Grant): void {
    const [limit, ...others] = limits;
    if (this.#isClosing || limit === undefined || others.length > 0) return;
    let socket = this.#sockets.get(limit.name);
    if (socket === undefined) {
      if (this.#sockets.size >= LIMITS_MAX) this.#forgetClosed();
      socket = new LimitSocket(this.#http, limit.name);
      this.#sockets.set(limit.name, socket);
    }
    const key = keyOfId(lease_id, "lease");
    if (key !== undefined) this.#byKey.set(key, socket);
    socket.noteUse(() => this.#countOpen() < SOCKETS_MAX);
  }

  #countOpen(): number {
    return [...this.#sockets.values()].filter(({ isClosed }) => !isClosed).length;
  }

  #forgetClosed(): void {
    for (const [name, { isClosed }] of this.#sockets) if (isClosed) this.#sockets.delete(name);
    for (const [key, { isClosed }] of this.#byKey) if (isClosed) this.#byKey.delete(key);
  }
}
