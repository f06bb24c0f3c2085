import { ERRORS } from "../../contract/errors.ts";
import { keyOfRequest } from "../../domain/limit/naming.ts";
import { SluiceObject } from "../shared/durable-object.ts";
import type { ObjectBindings } from "../shared/stub.ts";
import { envelopeOfSocket } from "../shared/durable-host.ts";
import { closeWith, sendFrame } from "../shared/frames.ts";
import { LimitActor } from "./actor.ts";
import type { AcquireAnswer } from "./ears.ts";
import { makeCalls } from "./calls.ts";
import type { AcquireCommand, LimitOperations } from "./operations.ts";
import {
  ACQUIRE_HEADER,
  CALLER_HEADER,
  type CallSocket,
  type SocketCaller,
  createEarPlatform,
  readFrame,
  sendAnswer,
  sendEnded,
  tagOf,
  tagOfLease,
  WATCH_HEADER,
} from "./sockets.ts";

const NORMAL_CLOSURE = 1000;
const POLICY_VIOLATION = 1008;
/** For so long calls may be made on one socket. */
const CALLS_MS = 3_600_000;

interface WaiterSocket {
  waiter_key: string;
  request_id: string;
}
/** Null: a holder's. */
type Attachment = WaiterSocket | CallSocket | null;

/**
 * The Durable Object of a concurrency limit: addressed by `<workspace>/limit/<key>`, where the key is derived from the
 * limit's name. It adds sockets to what {@link LimitActor} decides. Each one of a waiter stands for one acquire and its
 * end makes the waiter absent; each one of a holder hears of the end of one lease, and its own end means nothing. All
 * hibernate.
 */
export class ConcurrencyLimit extends SluiceObject<LimitOperations, LimitActor> {
  constructor(state: DurableObjectState, env: ObjectBindings) {
    super(state, env, (host) => new LimitActor(host, createEarPlatform(state)));
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** The upgrade of a socket: of a holder, of who calls often, or of a waiter whose acquire the Worker has read. */
  override async fetch(request: Request): Promise<Response> {
    const header = request.headers.get(ACQUIRE_HEADER);
    const lease_id = request.headers.get(WATCH_HEADER);
    const caller = request.headers.get(CALLER_HEADER);
    if (lease_id !== null) return this.#watch(lease_id);
    if (caller !== null) return this.#acceptCaller(JSON.parse(decodeURIComponent(caller)) as SocketCaller);
    if (header === null || request.headers.get("upgrade") !== "websocket")
      return new Response(null, { status: 400 });
    const command = toSocketCommand(JSON.parse(decodeURIComponent(header)));
    const waiter_key = keyOfRequest(command.request_id);
    const { 0: client, 1: server } = new WebSocketPair();
    for (const older of this.ctx.getWebSockets(tagOf(waiter_key))) older.close(NORMAL_CLOSURE, "asked again");
    this.ctx.acceptWebSocket(server, [tagOf(waiter_key)]);
    server.serializeAttachment({ waiter_key, request_id: command.request_id } satisfies WaiterSocket);
    const answer = (await this.execute(envelopeOfSocket(this.ctx, "acquire", command))) as AcquireAnswer;
    sendAnswer(server, answer);
    return new Response(null, { status: 101, webSocket: client });
  }

  async #watch(lease_id: string): Promise<Response> {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, [tagOfLease(lease_id)]);
    const answer = await this.execute(envelopeOfSocket(this.ctx, "watch", { lease_id }));
    if (!answer.ok) sendEnded(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  #acceptCaller(caller: SocketCaller): Response {
    if (!this.actor.isPresent) return new Response(null, { status: ERRORS.not_found.status });
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    server.serializeAttachment({ ...caller, opened_at: Date.now() } satisfies CallSocket);
    return new Response(null, { status: 101, webSocket: client });
  }

  async #hearCalls(socket: WebSocket, caller: CallSocket, message: string | ArrayBuffer): Promise<void> {
    const answers = await makeCalls(caller, message, (operation, command, name) =>
      this.execute({
        ...envelopeOfSocket(this.ctx, operation, command),
        ...(name !== undefined && { name }),
      }),
    );
    if (answers === undefined) closeWith(socket, POLICY_VIOLATION, "Frames are calls as JSON text.");
    else sendFrame(socket, answers);
    // The key is judged anew, and the run's limit noted, when it is opened again.
    if (Date.now() > caller.opened_at + CALLS_MS) closeWith(socket, NORMAL_CLOSURE, "Open another one.");
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const attachment = socket.deserializeAttachment() as Attachment;
    if (attachment !== null && "member" in attachment) return this.#hearCalls(socket, attachment, message);
    const frame = attachment === null ? undefined : readFrame(message);
    if (attachment !== null && frame?.type === "withdraw") {
      await this.execute(envelopeOfSocket(this.ctx, "withdraw", { request_id: attachment.request_id }));
      socket.close(NORMAL_CLOSURE);
    } else if (frame?.type === "acquire") {
      // The Worker asks once more for a waiter who comes for what it was offered.
      const answer = await this.execute(
        envelopeOfSocket(this.ctx, "acquire", toSocketCommand(frame["command"])),
      );
      sendAnswer(socket, answer as AcquireAnswer);
    } else socket.close(POLICY_VIOLATION, "This cannot be said here.");
  }

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    // Without a close of ours the other side sees 1006; codes that say that no frame came cannot be sent.
    socket.close(code === 1005 || code === 1006 || code === 1015 ? NORMAL_CLOSURE : code);
    await this.#hearClosed(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#hearClosed(socket);
  }

  async #hearClosed(socket: WebSocket): Promise<void> {
    const attachment = socket.deserializeAttachment() as Attachment;
    if (attachment !== null && "waiter_key" in attachment) await this.actor.hearClosed(attachment.waiter_key);
  }
}

function toSocketCommand(command: unknown): AcquireCommand {
  return { ...(command as AcquireCommand), caller: { type: "socket" }, wait_seconds: 0 };
}
