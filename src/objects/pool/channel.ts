/**
 * The channel of Prefect's workers from 3.7.1 on (source: wire §3.6): one socket for what is otherwise a heartbeat and a
 * look at the pool every 30 seconds. Frames are strict on both sides: an unknown key ends the channel for good.
 */
import { z } from "zod";
import type { WorkPool } from "../../contract/wire/work-pools.ts";
import { ENVELOPE_VERSION, type Envelope } from "../../contract/envelope.ts";
import type { Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import { closeWith, readFrame, sendFrame } from "../shared/frames.ts";
import { judgeToken, type KeyBindings } from "../shared/key.ts";
import { readAddress } from "../shared/durable-host.ts";
import type { PoolOperations } from "./operations.ts";

/** Header by which the Worker passes on a Prefect worker's channel: whether its upgrade carried the key. */
export const CHANNEL_HEADER = "Sluice-Worker-Channel";
/** Header by which the Worker names the pool that it means. */
export const POOL_NAME_HEADER = "Sluice-Pool-Name";
/** Header by which the Worker names the agent whose socket it passes on. */
export const WORKER_NAME_HEADER = "Sluice-Worker-Name";
/** The tag of the channels' sockets; no worker's name begins so. */
export const CHANNEL_TAG = "\u0000channel";
const VERSION = "work_pool_worker_channel.v1";
const CAPABILITIES = ["worker_heartbeat.v1", "work_pool_snapshot.v1"];
/** A worker that does not say who it is is closed after this long. */
const SETUP_MS = 10_000;
/** Close codes by their reasons, which are what the client goes by. */
const CLOSE = {
  authentication_failed: 1008,
  authorization_failed: 1008,
  unsupported_version: 1008,
  protocol_error: 1002,
  heartbeat_persistence_failed: 1011,
  transient_server_error: 1011,
} as const;

const Hello = z.object({
  type: z.literal("worker.hello.v1"),
  payload: z.object({
    consumer_id: z.uuid(),
    worker_name: z.string().min(1),
    heartbeat_interval_seconds: z.int().min(1).max(86_400),
    supported_channel_versions: z.array(z.string()),
    requested_capabilities: z.array(z.string()),
    work_queue_names: z.array(z.string()).default([]),
    default_base_job_template: z.record(z.string(), z.json()).default({}),
  }),
});
const Heartbeat = z.object({
  type: z.literal("worker.heartbeat.v1"),
  payload: z.object({
    consumer_id: z.uuid(),
    worker_name: z.string().min(1),
    heartbeat_interval_seconds: z.int().min(1).max(86_400),
  }),
});

/** What a channel keeps across hibernation. */
interface Attachment {
  stage: "auth" | "hello" | "open";
  is_authorized: boolean;
  worker_name?: string;
  /** The number of the last picture of the pool that was sent. */
  sequence?: number;
}

export class WorkerChannels {
  readonly #state: DurableObjectState;
  readonly #env: KeyBindings;
  readonly #execute: (envelope: Envelope) => Promise<Result<unknown>>;
  /** An object with a timer does not hibernate, so each one goes when its channel is open. */
  readonly #timers = new WeakMap<WebSocket, ReturnType<typeof setTimeout>>();

  constructor(
    state: DurableObjectState,
    env: KeyBindings,
    execute: (envelope: Envelope) => Promise<Result<unknown>>,
  ) {
    this.#state = state;
    this.#env = env;
    this.#execute = execute;
  }

  /** Accepts the socket of a worker, which says who it is in its first frames. */
  accept(is_authorized: boolean): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#state.acceptWebSocket(server, [CHANNEL_TAG]);
    server.serializeAttachment({ stage: "auth", is_authorized } satisfies Attachment);
    this.#timers.set(
      server,
      setTimeout(() => end(server, "authentication_failed"), SETUP_MS),
    );
    return new Response(null, {
      status: 101,
      webSocket: client,
      headers: { "Sec-WebSocket-Protocol": "prefect" },
    });
  }

  /** Hears a frame of a socket that is a channel; other sockets are left alone. */
  async hear(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    if (!this.#state.getTags(socket).includes(CHANNEL_TAG)) return;
    const attachment = socket.deserializeAttachment() as Attachment;
    const frame = typeof message === "string" ? readFrame(message) : undefined;
    if (frame === undefined) end(socket, "protocol_error");
    else if (attachment.stage === "auth") await this.#authenticate(socket, attachment, frame);
    else if (attachment.stage === "hello") await this.#greet(socket, attachment, frame);
    else await this.#beat(socket, attachment, frame);
  }

  /** The pool has changed: every channel gets a picture of it. */
  async sendSnapshots(): Promise<void> {
    const channels = this.#state.getWebSockets(CHANNEL_TAG);
    if (channels.length === 0) return;
    const pool = await this.#ask("read", {});
    for (const socket of channels) {
      const attachment = socket.deserializeAttachment() as Attachment;
      if (attachment.stage !== "open") continue;
      // A pool that was deleted: the worker finds out over HTTP what that means for it.
      if (!pool.ok) end(socket, "transient_server_error");
      else {
        const sequence = (attachment.sequence ?? 1) + 1;
        socket.serializeAttachment({ ...attachment, sequence } satisfies Attachment);
        sendTyped(socket, "work_pool.snapshot.v1", describe(pool.value, sequence, "work_pool_updated"));
      }
    }
  }

  async #authenticate(
    socket: WebSocket,
    attachment: Attachment,
    { type, token }: Record<string, unknown>,
  ): Promise<void> {
    const verdict = attachment.is_authorized
      ? "accepted"
      : await judgeToken(this.#env, typeof token === "string" ? token : null);
    if (type !== "auth" || verdict !== "accepted") {
      end(socket, "authentication_failed");
      return;
    }
    socket.serializeAttachment({ stage: "hello", is_authorized: true } satisfies Attachment);
    sendFrame(socket, { type: "auth_success" });
  }

  /** A worker says who it is; it is registered, and told what the pool is. */
  async #greet(socket: WebSocket, attachment: Attachment, frame: Record<string, unknown>): Promise<void> {
    const hello = Hello.safeParse(frame);
    if (
      !hello.success ||
      !CAPABILITIES.every((name) => hello.data.payload.requested_capabilities.includes(name))
    ) {
      end(socket, "protocol_error");
      return;
    }
    const { consumer_id, worker_name, heartbeat_interval_seconds, ...wanted } = hello.data.payload;
    if (!wanted.supported_channel_versions.includes(VERSION)) {
      end(socket, "unsupported_version");
      return;
    }
    const names = wanted.work_queue_names;
    const page = { limit: 1000, offset: 0 };
    const queues = await this.#ask("filter_queues", names.length === 0 ? page : { names, ...page });
    const beat = await this.#ask("heartbeat", { name: worker_name, heartbeat_interval_seconds });
    const pool = await this.#adoptTemplate(wanted.default_base_job_template);
    if (!queues.ok || !beat.ok || !pool.ok) {
      end(socket, "transient_server_error");
      return;
    }
    if (new Set(names).size > queues.value.length) {
      end(socket, "authorization_failed");
      return;
    }
    clearTimeout(this.#timers.get(socket) ?? null);
    socket.serializeAttachment({
      ...attachment,
      stage: "open",
      worker_name,
      sequence: 1,
    } satisfies Attachment);
    sendTyped(socket, "worker.ready.v1", {
      consumer_id,
      worker_id: null,
      selected_channel_version: VERSION,
      effective_heartbeat_interval_seconds: heartbeat_interval_seconds,
      accepted_capabilities: CAPABILITIES,
      rejected_capabilities: wanted.requested_capabilities.filter((name) => !CAPABILITIES.includes(name)),
      effective_max_cleanup_concurrency: 0,
      resolved_work_queues: queues.value.map(({ id, name }) => ({ id, name })),
      initial_snapshot: describe(pool.value, 1, "initial"),
    });
  }

  /** A pool that was made without a template takes the one of its first worker. */
  async #adoptTemplate(template: WorkPool["base_job_template"]): Promise<Result<WorkPool>> {
    const pool = await this.#ask("read", {});
    const isEmpty = pool.ok && Object.keys(pool.value.base_job_template).length === 0;
    return isEmpty && Object.keys(template).length > 0
      ? this.#ask("update", { base_job_template: template })
      : pool;
  }

  async #beat(socket: WebSocket, attachment: Attachment, frame: Record<string, unknown>): Promise<void> {
    const beat = Heartbeat.safeParse(frame);
    if (!beat.success || beat.data.payload.worker_name !== attachment.worker_name) {
      end(socket, "protocol_error");
      return;
    }
    const { worker_name: name, heartbeat_interval_seconds } = beat.data.payload;
    const { ok } = await this.#ask("heartbeat", { name, heartbeat_interval_seconds });
    if (!ok) end(socket, "heartbeat_persistence_failed");
  }

  async #ask<Operation extends "read" | "update" | "heartbeat" | "filter_queues">(
    operation: Operation,
    command: PoolOperations[Operation]["command"],
  ): Promise<Result<PoolOperations[Operation]["answer"]>> {
    return (await this.#execute({
      v: ENVELOPE_VERSION,
      address: readAddress(this.#state),
      actor: "worker channel",
      request_id: crypto.randomUUID(),
      operation,
      command,
    })) as Result<PoolOperations[Operation]["answer"]>;
  }
}

/** A picture of the pool, as the channel sends it. */
function describe(work_pool: WorkPool, snapshot_sequence: number, reason: string) {
  return { snapshot_sequence, reason, work_pool };
}

function sendTyped(socket: WebSocket, type: string, payload: unknown): void {
  sendFrame(socket, { type, id: crypto.randomUUID(), sent_at: formatInstant(Date.now()), payload });
}

function end(socket: WebSocket, reason: keyof typeof CLOSE): void {
  closeWith(socket, CLOSE[reason], reason);
}
