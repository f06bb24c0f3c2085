import { z, type ZodError } from "zod";
import type { Envelope } from "../../contract/envelope.ts";
import { accept, type Result } from "../../contract/errors.ts";
import { Event, EVENT_CHARACTERS_MAX, EventFilter } from "../../contract/wire/events.ts";
import { envelopeOfSocket, readAddress } from "../shared/durable-host.ts";
import { SluiceObject } from "../shared/durable-object.ts";
import { closeWith, codeToAnswer, readFrame, sendFrame } from "../shared/frames.ts";
import { judgeToken } from "../shared/key.ts";
import { callObject, type ObjectBindings } from "../shared/stub.ts";
import { LogFilterIn, toLogFilter } from "../../contract/wire/logs.ts";
import { HubActor } from "./actor.ts";
import { LogFollowers } from "./log-followers.ts";
import type { HubOperations } from "./operations.ts";
import {
  CLOSE,
  createHubPlatform,
  HUB_SOCKET_HEADER,
  readAttachment,
  writeAttachment,
  type Attachment,
  type SocketKind,
  type SocketTicket,
} from "./sockets.ts";

/** A socket whose auth frame does not come is closed after this long. */
const AUTH_MS = 10_000;
/** Sockets that wait for their auth frame; more are refused. */
const UNKNOWN_SOCKETS_MAX = 1000;
/** The sockets that are open with the handshake: the first frame of the others says what they are for. */
const WITHOUT_FILTER: ReadonlySet<SocketKind> = new Set(["events-in", "changes"]);
/** What tells of a change is answered after this long, so that it does not tell of the next one before. */
const CHANGES_PAUSE_MS = 300;
/** The tag of a socket that came without the key. */
const UNKNOWN_TAG = "unknown";

/**
 * The hub of a workspace's events, see {@link HubActor}. Addressed as `<workspace>/hub/0`. It adds the sockets, which
 * hibernate: on `/events/in` events come, on `/events/out` they go to who listens. The platform answers pings by itself,
 * also for frames that are not stored yet; what a socket sent last is sent again when the hub closes it.
 */
export class EventHub extends SluiceObject<HubOperations, HubActor> {
  readonly #followers: LogFollowers;
  /** An object with a timer does not hibernate, so each one goes with its auth frame. */
  readonly #authTimers = new WeakMap<WebSocket, ReturnType<typeof setTimeout>>();

  constructor(state: DurableObjectState, env: ObjectBindings) {
    super(state, env, (host) => new HubActor(host, createHubPlatform(state)));
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    this.#followers = new LogFollowers(readAddress(state), (envelope) => callObject(env, envelope));
    // Who follows logs keeps the hub awake, so these belong to an instance that was cut off.
    for (const socket of state.getWebSockets("logs-out"))
      if (readAttachment(socket)?.stage === "open") closeWith(socket, CLOSE.restart, "Connect again.");
  }

  override execute(envelope: Envelope): Promise<Result<unknown>> {
    if (envelope.operation !== "tell_changed") return super.execute(envelope);
    return this.#tellChanged((envelope.command as { object: string }).object);
  }

  /** An object has changed that somebody shows: open dashboards hear of it, and ask again for what they show of it. */
  async #tellChanged(object: string): Promise<Result<{ is_heard: boolean }>> {
    const open = this.ctx
      .getWebSockets("changes")
      .filter((socket) => readAttachment(socket)?.stage === "open");
    for (const socket of open) sendFrame(socket, { type: "changed", objects: [object] });
    if (open.length > 0) await scheduler.wait(CHANGES_PAUSE_MS);
    return accept({ is_heard: open.length > 0 });
  }

  /** The upgrade of a socket; the Worker has looked at its headers and passes it on. */
  override fetch(request: Request): Response {
    const header = request.headers.get(HUB_SOCKET_HEADER);
    if (header === null || request.headers.get("upgrade") !== "websocket")
      return new Response(null, { status: 400 });
    const { kind, is_authorized, has_handshake } = JSON.parse(header) as SocketTicket;
    if (!is_authorized && this.ctx.getWebSockets(UNKNOWN_TAG).length >= UNKNOWN_SOCKETS_MAX)
      return Response.json(
        { detail: "Too many sockets wait for their auth frame." },
        { status: 429, headers: { "Retry-After": "10" } },
      );
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, is_authorized ? [kind] : [kind, UNKNOWN_TAG]);
    const next = WITHOUT_FILTER.has(kind) ? "open" : "filter";
    writeAttachment(server, { kind, is_authorized, stage: has_handshake ? "auth" : next });
    if (has_handshake) {
      const late = () => closeWith(server, CLOSE.policy, "No auth frame came.");
      this.#authTimers.set(server, setTimeout(late, AUTH_MS));
    }
    return new Response(null, {
      status: 101,
      webSocket: client,
      ...(has_handshake && { headers: { "Sec-WebSocket-Protocol": "prefect" } }),
    });
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const attachment = readAttachment(socket);
    if (attachment === undefined || socket.readyState !== WebSocket.OPEN) return;
    if (typeof message !== "string") {
      closeWith(socket, CLOSE.unsupported, "Frames are JSON text.");
      return;
    }
    if (attachment.stage === "auth") await this.#authenticate(socket, attachment, message);
    else if (attachment.kind === "events-in") this.#takeEvent(socket, message);
    else if (attachment.kind === "tasks") await this.#hearTaskWorker(socket, attachment, message);
    else if (attachment.stage === "filter") await this.#readFilter(socket, attachment, message);
  }

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    this.#followers.leave(socket);
    // Without a close of ours the other side sees 1006.
    closeWith(socket, codeToAnswer(code), "");
    await this.#leaveTasks(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    this.#followers.leave(socket);
    await this.#leaveTasks(socket);
  }

  /** What a process was sent and did not acknowledge is for another one. */
  async #leaveTasks(socket: WebSocket): Promise<void> {
    const attachment = readAttachment(socket);
    if (attachment?.worker === undefined) return;
    const { worker: _, ...rest } = attachment;
    writeAttachment(socket, rest);
    await this.actor.serveTasks();
  }

  /** A process says which tasks it runs, then that it has what it was sent (source: wire §3.11). */
  async #hearTaskWorker(socket: WebSocket, attachment: Attachment, message: string): Promise<void> {
    const frame = TaskFrame.safeParse(readFrame(message));
    const { worker } = attachment;
    if (frame.data?.type === "quit") closeWith(socket, CLOSE.normal, "");
    else if (worker === undefined) {
      if (frame.data?.type !== "subscribe") {
        const fault = "Protocol violation: expected 'subscribe' message with 'keys' and 'client_id'";
        closeWith(socket, CLOSE.task_protocol, fault);
        return;
      }
      const { keys, client_id } = frame.data;
      const added = { client_id, keys, in_flight: null, served_at: Date.now() };
      await this.#open();
      if (writeAttachment(socket, { ...attachment, stage: "open", worker: added }))
        await this.actor.serveTasks();
      else closeWith(socket, CLOSE.too_big, "These are too many task keys for one socket.");
    } else if (frame.data?.type !== "ack" || worker.in_flight === null)
      closeWith(socket, CLOSE.task_protocol, "Protocol violation: expected 'ack' message");
    else
      await this.actor.serveTasks(worker.in_flight, () => {
        writeAttachment(socket, { ...attachment, worker: { ...worker, in_flight: null } });
      });
  }

  async #authenticate(socket: WebSocket, attachment: Attachment, message: string): Promise<void> {
    clearTimeout(this.#authTimers.get(socket) ?? null);
    const frame = readFrame(message);
    if (frame?.["type"] !== "auth") {
      closeWith(socket, CLOSE.policy, "Expected 'auth' message");
      return;
    }
    const token = frame["token"];
    const verdict = attachment.is_authorized
      ? "accepted"
      : await judgeToken(this.env, typeof token === "string" ? token : null);
    if (verdict !== "accepted") {
      const reason = token ? "Invalid token" : "Auth required but no token provided";
      closeWith(socket, CLOSE.policy, reason);
      return;
    }
    const stage = WITHOUT_FILTER.has(attachment.kind) ? "open" : "filter";
    writeAttachment(socket, { ...attachment, is_authorized: true, stage });
    sendFrame(socket, { type: "auth_success" });
  }

  #takeEvent(socket: WebSocket, message: string): void {
    if (message.length > EVENT_CHARACTERS_MAX) {
      // As Prefect's server does: a client that is closed for it would send it again for ever.
      console.log(
        JSON.stringify({ event: "event_dropped", reason: "too large", characters: message.length }),
      );
      return;
    }
    const event = Event.safeParse(readFrame(message));
    if (!event.success) closeWith(socket, CLOSE.invalid, describeFault("event", event.error));
    else if (!this.actor.take(event.data, message.length))
      closeWith(socket, CLOSE.again_later, "Too many events wait to be stored; send these again.");
  }

  /** The frame after the handshake says what a listener wants to hear. */
  async #readFilter(socket: WebSocket, attachment: Attachment, message: string): Promise<void> {
    const frame = readFrame(message);
    if (frame?.["type"] !== "filter") {
      closeWith(socket, CLOSE.protocol_error, "Expected 'filter' message");
      return;
    }
    const given = frame["filter"] ?? {};
    if (attachment.kind === "logs-out") {
      const filter = LogFilterIn.safeParse(given);
      if (!filter.success) closeWith(socket, CLOSE.protocol_error, describeFault("filter", filter.error));
      else this.#follow(socket, attachment, filter.data);
      return;
    }
    const filter = EventFilter.safeParse(given);
    if (!filter.success) closeWith(socket, CLOSE.protocol_error, describeFault("filter", filter.error));
    else await this.#subscribe(socket, attachment, given, filter.data, frame["backfill"] !== false);
  }

  #follow(socket: WebSocket, attachment: Attachment, given: LogFilterIn): void {
    const filter = toLogFilter(given);
    const fault = typeof filter === "string" ? filter : this.#followers.findFault(filter);
    if (fault !== undefined || typeof filter === "string") {
      closeWith(socket, CLOSE.protocol_error, `Invalid filter: ${fault}`);
      return;
    }
    writeAttachment(socket, { ...attachment, stage: "open" });
    this.ctx.waitUntil(this.#followers.follow(socket, filter));
  }

  /** Makes sure that the hub exists, and that it is known that somebody listens. */
  async #open(): Promise<void> {
    await this.execute(envelopeOfSocket(this.ctx, "open", {}));
  }

  async #subscribe(
    socket: WebSocket,
    attachment: Attachment,
    given: unknown,
    filter: EventFilter,
    wantsReplay: boolean,
  ): Promise<void> {
    await this.#open();
    await this.actor.subscribe(filter, wantsReplay, (replay) => {
      if (!writeAttachment(socket, { ...attachment, stage: "open", filter: given })) {
        closeWith(socket, CLOSE.too_big, "The filter is too long.");
        return;
      }
      for (const event of replay) sendFrame(socket, { type: "event", event });
    });
  }
}

const TaskFrame = z.discriminatedUnion("type", [
  z.object({ type: z.literal("subscribe"), keys: z.array(z.string()).min(1), client_id: z.string().min(1) }),
  z.object({ type: z.literal("ack") }),
  z.object({ type: z.literal("quit") }),
]);

/** What is wrong with a frame, in a few words. */
function describeFault(what: string, { issues: [issue] }: ZodError): string {
  return `Invalid ${what}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`;
}
