/** The hibernating sockets of our agents: frames to them only say "look again", and their pings wake nobody. */
import { z } from "zod";
import type { AgentWake } from "../../contract/wire/agents.ts";
import { CHANNEL_TAG } from "./channel.ts";
import type { AgentSockets } from "./context.ts";

/** What a socket keeps across hibernation. */
const Attachment = z.object({
  worker_name: z.string(),
  /** Milliseconds since the epoch. */
  opened_at: z.number(),
});

export class DurableAgentSockets implements AgentSockets {
  readonly #state: DurableObjectState;
  readonly #sendSnapshots: () => Promise<void>;
  /** The wakes of one turn: many operations in it make one frame for each agent. */
  readonly #waiting = new Map<string, { reason: AgentWake["reason"]; worker_name: string | undefined }>();

  /** `sendSnapshots` tells Prefect's workers that the pool has changed. */
  constructor(state: DurableObjectState, sendSnapshots: () => Promise<void>) {
    this.#state = state;
    this.#sendSnapshots = sendSnapshots;
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  accept(worker_name: string): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#state.acceptWebSocket(server, [tagOf(worker_name)]);
    server.serializeAttachment({ worker_name, opened_at: Date.now() } satisfies z.infer<typeof Attachment>);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Whose socket it is and when it was heard on it last; undefined for the sockets of others. */
  read(socket: WebSocket): { name: string; heard_at: number } | undefined {
    const attachment = Attachment.safeParse(socket.deserializeAttachment());
    if (!attachment.success) return undefined;
    const { worker_name: name, opened_at } = attachment.data;
    const ping = this.#state.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0;
    return { name, heard_at: Math.max(opened_at, ping) };
  }

  heardAt(worker_name: string): number | null {
    const heard = this.#state
      .getWebSockets(tagOf(worker_name))
      // One that closes is still among them.
      .filter(({ readyState }) => readyState === WebSocket.OPEN)
      .map((socket) => this.read(socket))
      .filter((known) => known?.name === worker_name);
    return heard.length === 0 ? null : Math.max(...heard.map((known) => known?.heard_at ?? 0));
  }

  wake(reason: AgentWake["reason"], worker_name?: string): void {
    if (this.#waiting.size === 0) queueMicrotask(() => this.#flush());
    this.#waiting.set(`${reason}/${worker_name ?? ""}`, { reason, worker_name });
  }

  #flush(): void {
    const wakes = [...this.#waiting.values()];
    this.#waiting.clear();
    const channels = new Set(this.#state.getWebSockets(CHANNEL_TAG));
    if (channels.size > 0 && wakes.some(({ reason }) => reason === "pool_changed"))
      this.#state.waitUntil(this.#sendSnapshots());
    for (const { reason, worker_name } of wakes) {
      const frame = JSON.stringify({ type: "wake", reason } satisfies AgentWake);
      const tag = worker_name === undefined ? undefined : tagOf(worker_name);
      for (const socket of this.#state.getWebSockets(tag)) {
        if (channels.has(socket)) continue;
        try {
          socket.send(frame);
        } catch {
          // A socket that is closing misses a wake; its agent polls.
        }
      }
    }
  }
}

/** Tags have at most 256 characters. */
function tagOf(worker_name: string): string {
  return worker_name.slice(0, 256);
}
