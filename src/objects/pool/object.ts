/**
 * The Durable Object of a work pool. Addressed by the pool's name; owns its queues, workers, runs and claims, and the
 * agents' sockets, which hibernate: frames to agents only say "look again". One operation is one transaction; the alarm
 * takes the steps that nobody else takes (see the actor).
 */
import type { AgentWake } from "../../contract/wire/agents.ts";
import { SluiceObject } from "../shared/durable-object.ts";
import type { ObjectBindings } from "../shared/stub.ts";
import { PoolActor } from "./actor.ts";
import {
  CHANNEL_HEADER,
  CHANNEL_TAG,
  POOL_NAME_HEADER,
  WORKER_NAME_HEADER,
  WorkerChannels,
} from "./channel.ts";
import type { WakeAgents } from "./context.ts";
import type { PoolOperations } from "./operations.ts";

const MOVE_AFTER_SECONDS = 3600;

export class WorkPool extends SluiceObject<PoolOperations, PoolActor> {
  readonly #channels: WorkerChannels;

  constructor(state: DurableObjectState, env: ObjectBindings) {
    const wakes = new Wakes(state, () => this.#channels.sendSnapshots());
    const seconds = Number(env.SLUICE_MOVE_AFTER_SECONDS ?? Number.NaN);
    const move_after_seconds = Number.isFinite(seconds) && seconds >= 0 ? seconds : MOVE_AFTER_SECONDS;
    super(state, env, (host) => new PoolActor(host, wakes.add, { move_after_seconds }));
    this.#channels = new WorkerChannels(state, env, (envelope) => this.execute(envelope));
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** Accepts the socket of an agent or of a Prefect worker. A probe of a pool that nobody created makes nothing. */
  override fetch(request: Request): Response {
    const name = request.headers.get(WORKER_NAME_HEADER);
    const channel = request.headers.get(CHANNEL_HEADER);
    if (
      !this.actor.isOpen ||
      encodeURIComponent(this.actor.name ?? "") !== request.headers.get(POOL_NAME_HEADER) ||
      (name === null && channel === null)
    )
      return Response.json({ detail: "Work pool not found." }, { status: 404 });
    if (name === null) return this.#channels.accept(channel === "authorized");
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, [tagOf(decodeURIComponent(name))]);
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    // Agents speak over HTTP; Prefect's workers have more to say.
    return this.#channels.hear(socket, message);
  }

  override webSocketClose(socket: WebSocket): void {
    socket.close();
  }
}

/** The wakes of one turn: many operations in it make one frame for each agent. */
class Wakes {
  readonly #state: DurableObjectState;
  readonly #sendSnapshots: () => Promise<void>;
  readonly #waiting = new Map<string, { reason: AgentWake["reason"]; worker_name: string | undefined }>();

  constructor(state: DurableObjectState, sendSnapshots: () => Promise<void>) {
    this.#state = state;
    this.#sendSnapshots = sendSnapshots;
  }

  readonly add: WakeAgents = (reason, worker_name) => {
    if (this.#waiting.size === 0) queueMicrotask(this.#flush);
    this.#waiting.set(`${reason}/${worker_name ?? ""}`, { reason, worker_name });
  };

  readonly #flush = (): void => {
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
  };
}

/** Tags have at most 256 characters. */
function tagOf(worker_name: string): string {
  return worker_name.slice(0, 256);
}
