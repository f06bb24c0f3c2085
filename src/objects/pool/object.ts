/**
 * The Durable Object of a work pool. Addressed by the pool's name; owns its queues, workers, runs and claims, and the
 * agents' sockets, which hibernate: frames to agents only say "look again". One operation is one transaction; the alarm
 * takes the steps that nobody else takes (see the actor).
 */
import type { AgentWake } from "../../contract/wire/agents.ts";
import { SluiceObject } from "../shared/durable-object.ts";
import type { ObjectBindings } from "../shared/stub.ts";
import { PoolActor } from "./actor.ts";
import type { WakeAgents } from "./context.ts";
import type { PoolOperations } from "./operations.ts";

/** Header by which the Worker names the agent whose socket it passes on. */
export const WORKER_NAME_HEADER = "Sluice-Worker-Name";
/** Header by which the Worker names the pool that it means. */
export const POOL_NAME_HEADER = "Sluice-Pool-Name";

const MOVE_AFTER_SECONDS = 3600;

export class WorkPool extends SluiceObject<PoolOperations, PoolActor> {
  constructor(state: DurableObjectState, env: ObjectBindings) {
    const wakes = new Wakes(state);
    const seconds = Number(env.SLUICE_MOVE_AFTER_SECONDS ?? Number.NaN);
    const move_after_seconds = Number.isFinite(seconds) && seconds >= 0 ? seconds : MOVE_AFTER_SECONDS;
    super(state, env, (host) => new PoolActor(host, wakes.add, { move_after_seconds }));
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

/** The wakes of one turn: many operations in it make one frame for each agent. */
class Wakes {
  readonly #state: DurableObjectState;
  readonly #waiting = new Map<string, { reason: AgentWake["reason"]; worker_name: string | undefined }>();

  constructor(state: DurableObjectState) {
    this.#state = state;
  }

  readonly add: WakeAgents = (reason, worker_name) => {
    if (this.#waiting.size === 0) queueMicrotask(this.#flush);
    this.#waiting.set(`${reason}/${worker_name ?? ""}`, { reason, worker_name });
  };

  readonly #flush = (): void => {
    const wakes = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reason, worker_name } of wakes) {
      const frame = JSON.stringify({ type: "wake", reason } satisfies AgentWake);
      const tag = worker_name === undefined ? undefined : tagOf(worker_name);
      for (const socket of this.#state.getWebSockets(tag)) {
        try {
          socket.send(frame);
        } catch {
          // A socket that is closing misses a wake; its agent polls.
        }
      }
    }
  };
}

/** Tags have at most 256 characters. */
function tagOf(worker_name: string): string {
  return worker_name.slice(0, 256);
}
