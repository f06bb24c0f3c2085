/**
 * The Durable Object of a work pool. Addressed by the pool's name; owns its queues, workers, runs and claims, and the
 * agents' sockets, which hibernate: frames to agents only say "look again". One operation is one transaction; the alarm
 * takes the steps that nobody else takes (see the actor).
 */
import { envelopeOfSocket } from "../shared/durable-host.ts";
import { SluiceObject } from "../shared/durable-object.ts";
import type { ObjectBindings } from "../shared/stub.ts";
import { PoolActor } from "./actor.ts";
import { DurableAgentSockets } from "./agent-sockets.ts";
import { CHANNEL_HEADER, POOL_NAME_HEADER, WORKER_NAME_HEADER, WorkerChannels } from "./channel.ts";
import type { PoolOperations } from "./operations.ts";

const MOVE_AFTER_SECONDS = 3600;

export class WorkPool extends SluiceObject<PoolOperations, PoolActor> {
  readonly #sockets: DurableAgentSockets;
  readonly #channels: WorkerChannels;

  constructor(state: DurableObjectState, env: ObjectBindings) {
    const sockets = new DurableAgentSockets(state, () => this.#channels.sendSnapshots());
    const seconds = Number(env.SLUICE_MOVE_AFTER_SECONDS ?? Number.NaN);
    const move_after_seconds = Number.isFinite(seconds) && seconds >= 0 ? seconds : MOVE_AFTER_SECONDS;
    super(state, env, (host) => new PoolActor(host, sockets, { move_after_seconds }));
    this.#sockets = sockets;
    this.#channels = new WorkerChannels(state, env, (envelope) => this.execute(envelope));
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
    return this.#sockets.accept(decodeURIComponent(name));
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    // Agents speak over HTTP; Prefect's workers have more to say.
    return this.#channels.hear(socket, message);
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    socket.close();
    await this.#hearClosed(socket);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    socket.close();
    await this.#hearClosed(socket);
  }

  async #hearClosed(socket: WebSocket): Promise<void> {
    const agent = this.#sockets.read(socket);
    if (agent !== undefined) await this.execute(envelopeOfSocket(this.ctx, "socket_closed", agent));
  }
}
