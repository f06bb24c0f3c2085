/** The pool in the simulation: its object with the hub and the journals that it tells, and the sockets of its agents. */
import {
  addressOfHub,
  addressOfName,
  ENVELOPE_VERSION,
  type ObjectAddress,
} from "../../src/contract/envelope.ts";
import type { Result } from "../../src/contract/errors.ts";
import type { AgentWake } from "../../src/contract/wire/agents.ts";
import type { PoolActor } from "../../src/objects/pool/actor.ts";
import type { PoolOperations } from "../../src/objects/pool/operations.ts";
import { WORKSPACE } from "./limits.ts";
import type { Network } from "./network.ts";
import { SimObject } from "./objects.ts";
import { PoolWatch } from "./pool-watch.ts";
import type { SimProcess } from "./process.ts";
import type { World } from "./world.ts";

const CALL_MS = 30_000;
const MOVE_AFTER_SECONDS = 1200;
/** Runs of which nobody has heard for so long are forgotten. */
export const RETENTION_DAYS = 30;

type Find = (address: ObjectAddress) => SimObject | undefined;

/** The agent's end of its socket. */
export interface WakeHandlers {
  onWake(reason: AgentWake["reason"]): void;
  onClose(): void;
}

interface WakeSocket {
  owner: SimProcess;
  worker_name: string;
  /** When its pings were last seen to arrive. */
  heard_at: number;
  handlers: WakeHandlers;
}

export class SimPool {
  readonly name: string;
  readonly object: SimObject<PoolActor>;
  readonly watch: PoolWatch;
  readonly #world: World;
  readonly #network: Network;
  readonly #sockets = new Set<WakeSocket>();
  #requests = 0;

  constructor(world: World, network: Network, name: string, find: Find) {
    [this.#world, this.#network, this.name] = [world, network, name];
    const address = addressOfName(WORKSPACE, "pool", name);
    this.object = new SimObject<PoolActor>(world, network, address, name, find, {
      make: (host, tools, code) =>
        new code.PoolActor(
          host,
          {
            wake: (reason, worker_name) => tools.whenDurable(() => this.#wake(reason, worker_name)),
            heardAt: (worker_name) => this.#heardAt(worker_name),
          },
          { move_after_seconds: MOVE_AFTER_SECONDS },
        ),
      onCall: ({ operation, command }) => this.watch.note(operation, command),
      onAnswer: ({ operation, command }, result) => this.watch.noteAnswer(operation, command, result),
      onCommit: () => this.watch.look(),
      onDeath: () => {
        for (const socket of this.#sockets) this.#tellClosed(socket);
        this.#sockets.clear();
      },
    });
    this.watch = new PoolWatch(world, this.object);
  }

  /** Asks as a process does over HTTP; undefined when no answer has come in time. */
  ask<Operation extends keyof PoolOperations>(
    who: SimProcess | string,
    operation: Operation,
    command: PoolOperations[Operation]["command"],
    timeout_ms = CALL_MS,
  ): Promise<Result<PoolOperations[Operation]["answer"]> | undefined> {
    const from = typeof who === "string" ? who : who.name;
    const request_id = `${from}:${(this.#requests += 1)}`;
    const { address } = this.object;
    const envelope = { v: ENVELOPE_VERSION, address, actor: "sim", request_id, operation, command };
    const answered = this.#network.call(from, this.name, operation, timeout_ms, async () => {
      const result = await this.object.deliver(envelope);
      this.#world.count(operation);
      this.#world.say(this.name, `${from} ${operation} ${shorten(command)} -> ${shortenAnswer(result)}`);
      return result;
    }) as Promise<Result<PoolOperations[Operation]["answer"]> | undefined>;
    return typeof who === "string" ? answered : who.hear(answered);
  }

  /** Opens an agent's socket. Returns what closes it from the agent's side. */
  connect(who: SimProcess, worker_name: string, handlers: WakeHandlers): () => void {
    const socket: WakeSocket = { owner: who, worker_name, heard_at: this.#world.now, handlers };
    this.#network.send(who.name, this.name, "open socket", () => {
      this.#dropDead(worker_name);
      this.#sockets.add(socket);
    });
    return () => this.#network.send(who.name, this.name, "close socket", () => this.#sockets.delete(socket));
  }

  /** The socket of a process is open at the pool's end. */
  isConnected(process: SimProcess): boolean {
    return [...this.#sockets].some(({ owner }) => owner === process);
  }

  #heardAt(worker_name: string): number | null {
    let heard_at: number | null = null;
    for (const socket of this.#sockets) {
      if (socket.worker_name !== worker_name) continue;
      if (socket.owner.isRunning) socket.heard_at = this.#world.now;
      heard_at = Math.max(heard_at ?? 0, socket.heard_at);
    }
    return heard_at;
  }

  /** The sockets of processes that are no more close when the platform notices. */
  #dropDead(worker_name: string): void {
    for (const socket of this.#sockets) {
      if (!socket.owner.isDead || socket.worker_name !== worker_name) continue;
      this.#sockets.delete(socket);
      const { heard_at } = socket;
      void this.ask(socket.owner.name, "socket_closed", { name: worker_name, heard_at });
    }
  }

  #wake(reason: AgentWake["reason"], worker_name: string | undefined): void {
    for (const socket of this.#sockets)
      if (worker_name === undefined || worker_name === socket.worker_name)
        this.#network.send(this.name, socket.owner.name, `wake ${reason}`, () =>
          socket.handlers.onWake(reason),
        );
  }

  #tellClosed({ owner, handlers }: WakeSocket): void {
    this.#network.send(this.name, owner.name, "socket closed", () => handlers.onClose());
  }
}

/** The hub that pools tell of states, and any journal that one of them asks for. */
export function openHub(world: World, network: Network, find: Find): SimObject {
  return new SimObject(world, network, addressOfHub(WORKSPACE), "hub", find, {
    make: (host, _, { HubActor }) =>
      new HubActor(host, { listeners: () => [], taskWorkers: () => [], refuseSenders: () => {} }),
    onCommit: () => {},
  });
}

export function openJournal(world: World, network: Network, address: ObjectAddress, find: Find): SimObject {
  return new SimObject(world, network, address, `journal-${address.key}`, find, {
    make: (host, _, { JournalActor }) => new JournalActor(host, { retention_days: RETENTION_DAYS }),
    onCommit: () => {},
  });
}

function shorten(command: unknown): string {
  const { name, id, flow_run_id, attempt_id, attempt_ids, session_id, fence, outcome, state, update } =
    command as Record<string, unknown>;
  const type = (state as { type?: string } | undefined)?.type;
  return JSON.stringify({
    name,
    id,
    flow_run_id,
    attempt_id,
    attempt_ids,
    session_id,
    fence,
    outcome,
    type,
    update,
  });
}

function shortenAnswer(result: Result<unknown>): string {
  if (!result.ok) return result.error.code;
  const value = result.value as Record<string, unknown> | null;
  if (value === null) return "ok";
  const claims = (
    value["claims"] as { attempt_id: string; fence: number; flow_run: { id: string } }[] | undefined
  )?.map(({ attempt_id, fence, flow_run }) => `${attempt_id} ${flow_run.id}#${fence}`);
  const { reason, ended_attempt_ids, cancelling, state_type, result: outcome } = value;
  const { status } = (outcome as { status?: string } | undefined) ?? {};
  return JSON.stringify({ reason, claims, ended_attempt_ids, cancelling, state_type, status });
}
