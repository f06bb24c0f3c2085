/** The socket on which the server says "look again". It carries no decision, so losing it costs time, never work. */
import { WebSocket } from "undici";
import { AgentWake } from "../src/contract/wire/agents.ts";
import type { Http } from "../src/client/http.ts";
import { backoffMs, jitter } from "../src/client/backoff.ts";
import type { Log } from "./log.ts";
import type { Settings } from "./options.ts";

const PING_MS = 25_000;
const PONG_MS = 10_000;
const OPEN_MS = 10_000;

/** `socket_open`: the socket is (again) there, and wakes may have been missed. `socket_lost`: none will come for a while. */
export type SocketReason = AgentWake["reason"] | "socket_open" | "socket_lost";

export class WakeSocket {
  readonly #http: Http;
  readonly #url: string;
  readonly #log: Log;
  readonly #onWake: (reason: SocketReason) => void;
  #socket: WebSocket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pongTimer: NodeJS.Timeout | undefined;
  #failures = 0;
  #isOpen = false;
  #isClosed = false;

  constructor(http: Http, settings: Settings, log: Log, onWake: (reason: SocketReason) => void) {
    const pool = encodeURIComponent(settings.pool);
    this.#http = http;
    this.#url = http.socketUrl(`/work_pools/${pool}/workers/${encodeURIComponent(settings.name)}/socket`);
    this.#log = log;
    this.#onWake = onWake;
  }

  /** Whether wakes can be expected to arrive. */
  get isHealthy(): boolean {
    return this.#isOpen;
  }

  /** Opens the socket now, unless it is open: also when it was to be tried again only later. */
  open(): void {
    if (this.#isClosed || this.#socket !== undefined) return;
    clearTimeout(this.#timer);
    const { headers, dispatcher } = this.#http;
    const socket = new WebSocket(this.#url, { headers: { ...headers }, dispatcher });
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lose(socket), OPEN_MS);
    socket.addEventListener("open", () => {
      if (this.#socket !== socket) return;
      this.#failures = 0;
      this.#isOpen = true;
      this.#log.clear("socket", "The wake socket is back.");
      this.#schedulePing(socket);
      this.#onWake("socket_open");
    });
    socket.addEventListener("message", ({ data }: { data: unknown }) => {
      if (this.#socket === socket) this.#receive(data);
    });
    socket.addEventListener("close", () => this.#lose(socket));
    socket.addEventListener("error", () => this.#lose(socket));
  }

  close(): void {
    this.#isClosed = true;
    const socket = this.#socket;
    this.#forget();
    socket?.close();
  }

  #receive(data: unknown): void {
    clearTimeout(this.#pongTimer);
    if (typeof data !== "string" || data === "pong") return;
    let frame: unknown;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    const wake = AgentWake.safeParse(frame);
    // A newer server may know more reasons: looking again is right for all of them.
    this.#onWake(wake.success ? wake.data.reason : "pool_changed");
  }

  #schedulePing(socket: WebSocket): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        if (this.#socket !== socket) return;
        socket.send("ping");
        clearTimeout(this.#pongTimer);
        this.#pongTimer = setTimeout(() => this.#lose(socket), PONG_MS);
        this.#schedulePing(socket);
      },
      jitter(PING_MS, 0.15),
    );
  }

  /** The socket is gone or dead: forgets it and tries again later. */
  #lose(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    this.#forget();
    socket.close();
    if (this.#isClosed) return;
    this.#failures += 1;
    this.#log.writeOnce("socket", "WARNING", "The wake socket is down; the worker polls until it is back.");
    this.#timer = setTimeout(() => this.open(), backoffMs(this.#failures, { baseMs: 250, maxMs: 30_000 }));
    this.#onWake("socket_lost");
  }

  #forget(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#pongTimer);
    this.#isOpen = false;
    this.#socket = undefined;
  }
}
