/** The sockets of a hub: what each one is, how far its handshake has come, and what it hears. */
import type { EventFilter } from "../../contract/wire/events.ts";
import { EventFilter as EventFilterSchema } from "../../contract/wire/events.ts";
import { closeWith, sendFrame } from "../shared/frames.ts";
import type { HubPlatform, Listener } from "./actor.ts";
import type { TaskWorker } from "./task-queue.ts";

/** Says which socket is passed on. Never comes from outside. */
export const HUB_SOCKET_HEADER = "Sluice-Hub-Socket";

export type SocketKind = "events-in" | "events-out" | "logs-out" | "tasks" | "changes";

/** What the Worker knows of a socket that it passes on. */
export interface SocketTicket {
  kind: SocketKind;
  /** The upgrade carried the key. */
  is_authorized: boolean;
  /** The client offered the `prefect` subprotocol, so its first frame is the auth frame. */
  has_handshake: boolean;
}

/** What a socket keeps across hibernation. `filter` is as the client sent it. */
export interface Attachment {
  kind: SocketKind;
  stage: "auth" | "filter" | "open";
  is_authorized: boolean;
  filter?: unknown;
  /** Of a process that runs tasks, see `TaskWorker`. */
  worker?: { client_id: string; keys: string[]; in_flight: string | null; served_at: number };
}

/** An attachment may have 16 384 bytes. */
const ATTACHMENT_CHARACTERS_MAX = 7000;

/** Close codes (source: RFC 6455) and what they make Prefect's clients do: 1000 and 1001 end them, others reconnect. */
export const CLOSE = {
  normal: 1000,
  protocol_error: 1002,
  unsupported: 1003,
  invalid: 1007,
  policy: 1008,
  too_big: 1009,
  internal: 1011,
  restart: 1012,
  again_later: 1013,
  /** Of the tasks' sockets (source: Prefect's `scheduled_task_subscription`). */
  task_protocol: 4001,
} as const;

/** What was kept of a socket; undefined where nothing was. */
export function readAttachment(socket: WebSocket): Attachment | undefined {
  return (socket.deserializeAttachment() as Attachment | null) ?? undefined;
}

/** Keeps what a socket is. False: there is more than can be kept. */
export function writeAttachment(socket: WebSocket, attachment: Attachment): boolean {
  if (JSON.stringify(attachment).length > ATTACHMENT_CHARACTERS_MAX) return false;
  socket.serializeAttachment(attachment);
  return true;
}

/** The sockets of an object on the platform. Filters are read once for each instance. */
export function createHubPlatform(state: DurableObjectState): HubPlatform {
  const filters = new WeakMap<WebSocket, EventFilter>();
  const filterOf = (socket: WebSocket): EventFilter | undefined => {
    const known = filters.get(socket);
    if (known !== undefined) return known;
    const attachment = readAttachment(socket);
    if (attachment?.stage !== "open") return undefined;
    const { success, data } = EventFilterSchema.safeParse(attachment.filter);
    if (!success) return undefined;
    filters.set(socket, data);
    return data;
  };
  return {
    *listeners(): Generator<Listener> {
      for (const socket of state.getWebSockets("events-out")) {
        const filter = filterOf(socket);
        if (filter === undefined) continue;
        yield { filter, send: (event) => void sendFrame(socket, { type: "event", event }) };
      }
    },
    *taskWorkers(): Generator<TaskWorker> {
      for (const socket of state.getWebSockets("tasks")) {
        const attachment = readAttachment(socket);
        if (attachment?.worker === undefined || socket.readyState !== WebSocket.OPEN) continue;
        const { worker } = attachment;
        yield {
          ...worker,
          serve: (task_run) => {
            const served = { ...worker, in_flight: task_run.id, served_at: Date.now() };
            writeAttachment(socket, { ...attachment, worker: served });
            sendFrame(socket, task_run);
          },
          end: () => {
            const { worker: _, ...rest } = attachment;
            writeAttachment(socket, rest);
            closeWith(socket, CLOSE.internal, "What was sent was not acknowledged in time.");
          },
        };
      }
    },
    refuseSenders() {
      for (const socket of state.getWebSockets("events-in"))
        closeWith(socket, CLOSE.internal, "What was sent last could not be stored; send it again.");
    },
  };
}
