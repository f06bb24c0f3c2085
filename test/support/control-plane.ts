/**
 * A scripted control plane: a real HTTP and WebSocket server on a port of its own, which speaks what the worker-agent
 * needs and can be told to delay, drop or refuse single calls, or to be away altogether.
 */
import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import {
  AttemptEnd,
  AttemptStart,
  Claim,
  SessionBeat,
  type AgentWake,
  type ClaimAnswer,
  type ClaimedRun,
  type SessionAnswer,
} from "../../src/contract/wire/agents.ts";
import type { JsonObject } from "../../src/contract/wire/common.ts";
import type { FlowRun } from "../../src/contract/wire/flow-runs.ts";
import { LogCreate } from "../../src/contract/wire/logs.ts";
import { NO_PROGRESS } from "../../src/contract/wire/run-progress.ts";
import { placeDraft } from "./run-draft.ts";

export interface Call {
  method: string;
  path: string;
  body: unknown;
  headers: IncomingMessage["headers"];
}

/** `drop`: do what is asked and close without an answer. `reset`: close and do nothing. A number: answer it, do nothing. */
export type Fault = "drop" | "reset" | number | { waitFor: Promise<unknown> };

/** What the server knows of one attempt. */
export interface Attempt {
  claim: ClaimedRun;
  started: AttemptStart | undefined;
  ends: AttemptEnd[];
  states: string[];
}

/** Most of what is waited for begins with the start of a process. */
const BOUND_MS = 40_000;

export class ControlPlane {
  readonly calls: Call[] = [];
  readonly attempts = new Map<string, Attempt>();
  readonly variables = new Map<string, unknown>();
  readonly deployments = new Map<string, JsonObject>();
  readonly queue: FlowRun[] = [];
  readonly cancelling = new Set<string>();
  readonly endedAttempts = new Set<string>();
  readonly logs: LogCreate[] = [];
  readonly beats: SessionBeat[] = [];
  /** Sockets of agents that are open now. */
  readonly sockets = new Set<WebSocket>();
  hasPool = true;
  base_job_template: JsonObject = {};
  /** What the server answers to a beat, whatever was asked for. */
  expires_in_seconds = 60;
  /** What the server says to a beat, and with a claim, of agents that have nothing to do; undefined: they must beat. */
  idle_poll_seconds: number | undefined;
  start_within_seconds = 30;
  /** Claims to which the limits of deployments have not answered yet. */
  claimsUnanswered = 0;
  authorization: string | undefined;
  goodbyes = 0;

  readonly #events = new EventEmitter();
  readonly #faults: { matches: (call: Call) => boolean; fault: Fault; left: number }[] = [];
  readonly #connections = new Set<Socket>();
  readonly #webSockets = new WebSocketServer({ noServer: true });
  #server: Server | undefined;
  #port = 0;
  #fence = 0;

  /** Base URL of the API. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/api`;
  }

  async listen(): Promise<void> {
    const server = createServer((request, response) => void this.#handle(request, response));
    server.on("connection", (socket) => {
      this.#connections.add(socket);
      socket.once("close", () => this.#connections.delete(socket));
    });
    server.on("upgrade", (request, socket, head) => {
      if (
        !/^\/api\/work_pools\/[^/]+\/workers\/[^/]+\/socket$/.test(request.url ?? "") ||
        !this.#isKnown(request)
      )
        return socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.sockets.add(webSocket);
        webSocket.on("close", () => this.sockets.delete(webSocket));
        webSocket.on("message", (data: Buffer) => {
          if (data.toString() === "ping") webSocket.send("pong");
        });
        this.#events.emit("change");
      });
    });
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Closes the port and every connection, as a host that loses power does. */
  async goAway(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.sockets) socket.terminate();
    for (const socket of this.#connections) socket.destroy();
    await closed;
  }

  /** Serves again, on the same port. */
  comeBack(): Promise<void> {
    return this.listen();
  }

  /** Puts a run into the queue, wakes who listens, and returns it. */
  addRun(run: Partial<FlowRun> = {}, deployment?: JsonObject): FlowRun {
    const deployment_id = deployment === undefined ? null : randomUUID();
    if (deployment_id !== null && deployment !== undefined) this.deployments.set(deployment_id, deployment);
    const flowRun = makeFlowRun({ deployment_id, ...run });
    this.queue.push(flowRun);
    this.wake("run_ready");
    return flowRun;
  }

  /** Says "look again" to every agent that listens. */
  wake(reason: AgentWake["reason"]): void {
    for (const socket of this.sockets) socket.send(JSON.stringify({ type: "wake", reason }));
  }

  /** The next `times` calls that match meet this fault. */
  fail(matches: (call: Call) => boolean, fault: Fault, times = 1): void {
    this.#faults.push({ matches, fault, left: times });
  }

  /** Resolves when the condition holds; it is looked at after each call and each change of a socket. */
  async until(what: string, condition: () => boolean, boundMs = BOUND_MS): Promise<void> {
    const deadline = AbortSignal.timeout(boundMs);
    while (!condition()) {
      try {
        await once(this.#events, "change", { signal: deadline });
      } catch {
        throw new Error(`not within ${boundMs} ms: ${what}\n${this.describe()}`);
      }
    }
  }

  attemptsOf(run: FlowRun): Attempt[] {
    return [...this.attempts.values()].filter(({ claim }) => claim.flow_run.id === run.id);
  }

  /** The one end that was reported for a run; waits for it. */
  async endOf(run: FlowRun, boundMs = BOUND_MS): Promise<AttemptEnd> {
    const ends = (): AttemptEnd[] => this.attemptsOf(run).flatMap((attempt) => attempt.ends);
    await this.until(`the end of ${run.name}`, () => ends().length > 0, boundMs);
    return ends()[0]!;
  }

  /** What a run wrote, one record after the other. */
  outputOf(run: FlowRun): string[] {
    return this.logs.filter((log) => log.flow_run_id === run.id).map((log) => log.message);
  }

  countCalls(method: string, pattern: RegExp): number {
    return this.calls.filter((call) => call.method === method && pattern.test(call.path)).length;
  }

  describe(): string {
    return this.calls
      .filter(({ path }) => !path.endsWith("/session"))
      .slice(-30)
      .map(({ method, path, body }) => `${method} ${path} ${JSON.stringify(body)?.slice(0, 200)}`)
      .join("\n");
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const text = Buffer.concat(chunks).toString();
    const call: Call = {
      method: request.method ?? "",
      path: (request.url ?? "").replace(/^\/api/, ""),
      body: text === "" ? undefined : (JSON.parse(text) as unknown),
      headers: request.headers,
    };
    this.calls.push(call);
    const script = this.#faults.find(({ matches, left }) => left > 0 && matches(call));
    if (script !== undefined) script.left -= 1;
    const fault = script?.fault;
    if (fault === "reset") return void request.socket.destroy();
    if (typeof fault === "number") return this.#send(response, fault, { detail: `scripted ${fault}` });
    if (typeof fault === "object") await fault.waitFor;
    const [status, body] = this.#isKnown(request)
      ? this.#answer(call)
      : [401, { exception_message: "Unauthorized" }];
    if (fault === "drop") {
      request.socket.destroy();
      this.#events.emit("change");
      return;
    }
    this.#send(response, status, body);
  }

  #send(response: ServerResponse, status: number, body: unknown): void {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(body === undefined ? "" : JSON.stringify(body));
    this.#events.emit("change");
  }

  #isKnown(request: IncomingMessage): boolean {
    return this.authorization === undefined || request.headers.authorization === this.authorization;
  }

  #answer({ method, path, body, headers }: Call): [number, unknown] {
    if (method === "POST" && path === "/work_pools/") {
      this.hasPool = true;
      return [201, {}];
    }
    if (path.startsWith("/work_pools/") && !this.hasPool) return [404, { detail: "Work pool not found" }];
    if (method === "GET" && /^\/work_pools\/[^/]+$/.test(path))
      return [200, { name: "pool", base_job_template: this.base_job_template }];
    if (method === "POST" && path.endsWith("/workers/session"))
      return [200, this.#beat(SessionBeat.parse(body))];
    if (method === "DELETE" && /\/workers\/[^/]+\/session\/[^/]+$/.test(path)) {
      this.goodbyes += 1;
      return [204, undefined];
    }
    if (method === "POST" && path.endsWith("/claim")) return [200, this.#claim(Claim.parse(body))];
    const attempt = /^\/flow_runs\/([^/]+)\/attempts\/([^/]+)\/(start|end)$/.exec(path);
    if (method === "POST" && attempt !== null) return this.#report(attempt[2]!, attempt[3]!, body);
    const state = /^\/flow_runs\/([^/]+)\/set_state$/.exec(path);
    if (method === "POST" && state !== null) {
      const attemptId = String(headers["sluice-run"]).split("/")[1] ?? "";
      const type = (body as { state: { type: string } }).state.type;
      this.attempts.get(attemptId)?.states.push(type);
      return [201, { state: null, status: "ACCEPT", details: { type: "accept_details" } }];
    }
    if (method === "POST" && path === "/logs/") {
      this.#log(LogCreate.array().parse(body));
      return [201, null];
    }
    const deployment = /^\/deployments\/([^/]+)$/.exec(path)?.[1];
    if (deployment !== undefined) {
      const found = this.deployments.get(deployment);
      return found === undefined ? [404, { detail: "Deployment not found" }] : [200, found];
    }
    const variable = /^\/variables\/name\/([^/]+)$/.exec(path)?.[1];
    if (variable !== undefined && this.variables.has(variable))
      return [200, { name: variable, value: this.variables.get(variable) }];
    return [404, { detail: "Not Found" }];
  }

  #beat(beat: SessionBeat): SessionAnswer {
    this.beats.push(beat);
    return {
      worker_id: WORKER_ID,
      expires_in_seconds: this.expires_in_seconds,
      cancelling: [...this.cancelling],
      ended_attempt_ids: [...this.endedAttempts],
      is_pool_paused: false,
      ...this.#whenIdle({ idle_poll_seconds: this.idle_poll_seconds }),
    };
  }

  #whenIdle<Fields>(fields: Fields): Fields | undefined {
    return this.idle_poll_seconds === undefined ? undefined : fields;
  }

  #claim({ attempt_ids }: Claim): ClaimAnswer {
    const claims: ClaimedRun[] = [];
    if (this.claimsUnanswered > 0) {
      this.claimsUnanswered -= 1;
      return { claims, next_due_in_seconds: null, reason: "deployment_full" };
    }
    for (const attempt_id of attempt_ids) {
      const known = this.attempts.get(attempt_id);
      const flow_run = known === undefined ? this.queue.shift() : undefined;
      if (known !== undefined) claims.push(known.claim);
      if (flow_run === undefined) continue;
      this.#fence += 1;
      const { start_within_seconds } = this;
      const claim = { attempt_id, fence: this.#fence, start_within_seconds, flow_run };
      this.attempts.set(attempt_id, { claim, started: undefined, ends: [], states: [] });
      claims.push(claim);
    }
    const reason = claims.length < attempt_ids.length ? "nothing_due" : null;
    const { expires_in_seconds } = this;
    return {
      claims,
      next_due_in_seconds: null,
      reason,
      ...this.#whenIdle({ session_expires_in_seconds: expires_in_seconds }),
    };
  }

  #report(attemptId: string, kind: string, body: unknown): [number, unknown] {
    const attempt = this.attempts.get(attemptId);
    if (attempt === undefined) return [404, { detail: "Attempt not found" }];
    if (this.endedAttempts.has(attemptId)) return [410, { detail: "The attempt has ended" }];
    if (kind === "start") attempt.started = AttemptStart.parse(body);
    else attempt.ends.push(AttemptEnd.parse(body));
    return [200, null];
  }

  /** Stores as the server does: a record of an attempt that comes again under its number is the same record. */
  #log(records: LogCreate[]): void {
    for (const record of records) {
      const isKnown = this.logs.some(
        ({ attempt_id, sequence }) => attempt_id === record.attempt_id && sequence === record.sequence,
      );
      if (!isKnown) this.logs.push(record);
    }
  }
}

const WORKER_ID = "018f0000-0000-8600-8000-000000000001";

/** A flow run as the server gives it out. */
export function makeFlowRun(fields: Partial<FlowRun> = {}): FlowRun {
  const now = "2026-11-22T04:08:34.807049Z";
  const id = randomUUID();
  return {
    ...placeDraft({ id, flow_id: randomUUID(), work_queue_name: "default", work_pool_name: "pool" }),
    name: `run-${id.slice(0, 6)}`,
    created: now,
    updated: now,
    ...NO_PROGRESS,
    state_type: "PENDING",
    state_name: "Pending",
    expected_start_time: now,
    ...fields,
  };
}
