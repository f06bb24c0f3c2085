/**
 * The Durable Object of a work pool. Addressed by the pool's name; owns its queues, workers, runs and claims, and the
 * agents' sockets, which hibernate: frames to agents only say "look again". One operation is one transaction; the alarm
 * takes the steps that nobody else takes (see the actor).
 */
import type { AgentWake } from "../../contract/wire/agents.ts";
import { SluiceObject } from "../shared/durable-object.ts";
import type { ObjectBindings } from "../shared/stub.ts";
import { PoolActor } from "./actor.ts";
import type { PoolOperations } from "./operations.ts";

/** Header by which the Worker names the agent whose socket it passes on. */
export const WORKER_NAME_HEADER = "Sluice-Worker-Name";
/** Header by which the Worker names the pool that it means. */
export const POOL_NAME_HEADER = "Sluice-Pool-Name";

export class WorkPool extends SluiceObject<PoolOperations, PoolActor> {
  constructor(state: DurableObjectState, env: ObjectBindings) {
    const wake = (reason: AgentWake["reason"], worker_name?: string) => {
      const frame = JSON.stringify({ type: "wake", reason } satisfies AgentWake);
      for (const socket of state.getWebSockets(worker_name === undefined ? undefined : tagOf(worker_name))) {
        try {
          socket.send(frame);
        } catch {
          // A socket that is closing misses a wake; its agent polls.
        }
      }
    };
    super(state, env, (host) => new PoolActor(host, wake));
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** Accepts an agent's socket. A probe of a pool that nobody created makes nothing. */
  override fetch(request: Request): Response {
    const name = request.headers.get(WORKER_NAME_HEADER);
    if (
      !this.actor.isOpen ||
      encodeURIComponent(this.actor.name ?? "") !== request.headers.get(POOL_NAME_HEADER) ||
      name === null
    )
      return Response.json({ detail: "Work pool not found." }, { status: 404 });
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, [tagOf(decodeURIComponent(name))]);
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(): void {
    // Agents speak over HTTP; whatever else arrives here is not ours.
  }

  override webSocketClose(socket: WebSocket): void {
    socket.close();
  }
}

/** Tags have at most 256 characters. */
function tagOf(worker_name: string): string {
  return worker_name.slice(0, 256);
}
