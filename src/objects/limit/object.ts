import { ENVELOPE_VERSION } from "../../contract/envelope.ts";
import { keyOfRequest } from "../../domain/limit/naming.ts";
import { SluiceObject } from "../shared/durable-object.ts";
import type { ObjectBindings } from "../shared/stub.ts";
import { readAddress } from "../shared/durable-host.ts";
import { LimitActor } from "./actor.ts";
import type { AcquireAnswer } from "./ears.ts";
import type { AcquireCommand, LimitOperations } from "./operations.ts";
import { ACQUIRE_HEADER, createEarPlatform, sendAnswer, tagOf } from "./sockets.ts";

interface Attachment {
  waiter_key: string;
  request_id: string;
}

/**
 * The Durable Object of a concurrency limit: addressed by `<workspace>/limit/<key>`, where the key is derived from the
 * limit's name. It adds the sockets of waiters to what {@link LimitActor} decides: each stands for one acquire,
 * hibernates while it waits, and its end makes the waiter absent.
 */
export class ConcurrencyLimit extends SluiceObject<LimitOperations, LimitActor> {
  constructor(state: DurableObjectState, env: ObjectBindings) {
    super(state, env, (host) => new LimitActor(host, createEarPlatform(state)));
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** The upgrade of a waiter's socket; the Worker has read its acquire and passes it on. */
  override async fetch(request: Request): Promise<Response> {
    const header = request.headers.get(ACQUIRE_HEADER);
    if (header === null || request.headers.get("upgrade") !== "websocket")
      return new Response(null, { status: 400 });
    const command: AcquireCommand = {
      ...(JSON.parse(decodeURIComponent(header)) as AcquireCommand),
      caller: { type: "socket" },
      wait_seconds: 0,
    };
    const waiter_key = keyOfRequest(command.request_id);
    const { 0: client, 1: server } = new WebSocketPair();
    for (const older of this.ctx.getWebSockets(tagOf(waiter_key))) older.close(1000, "asked again");
    this.ctx.acceptWebSocket(server, [tagOf(waiter_key)]);
    server.serializeAttachment({ waiter_key, request_id: command.request_id } satisfies Attachment);
    const answer = (await this.execute(this.#envelope("acquire", command))) as AcquireAnswer;
    sendAnswer(server, answer);
    return new Response(null, { status: 101, webSocket: client });
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const attachment = socket.deserializeAttachment() as Attachment | null;
    if (attachment === null || !isWithdrawal(message)) {
      socket.close(1008, "Only withdraw can be said here.");
      return;
    }
    await this.execute(this.#envelope("withdraw", { request_id: attachment.request_id }));
    socket.close(1000);
  }

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    // Without a close of ours the other side sees 1006; codes that say that no frame came cannot be sent.
    socket.close(code === 1005 || code === 1006 || code === 1015 ? 1000 : code);
    await this.#hearClosed(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#hearClosed(socket);
  }

  async #hearClosed(socket: WebSocket): Promise<void> {
    const attachment = socket.deserializeAttachment() as Attachment | null;
    if (attachment !== null) await this.actor.hearClosed(attachment.waiter_key);
  }

  #envelope(operation: "acquire" | "withdraw", command: unknown) {
    return {
      v: ENVELOPE_VERSION,
      address: readAddress(this.ctx),
      actor: "socket",
      request_id: crypto.randomUUID(),
      operation,
      command,
    };
  }
}

function isWithdrawal(message: string | ArrayBuffer): boolean {
  if (typeof message !== "string") return false;
  try {
    return (JSON.parse(message) as { type?: unknown } | null)?.type === "withdraw";
  } catch {
    return false;
  }
}
