/** A limit in the simulation: its object, and the sockets of those who wait and of those who hold. */
import { addressOfName, ENVELOPE_VERSION, type ObjectAddress } from "../../src/contract/envelope.ts";
import type { Result } from "../../src/contract/errors.ts";
import { keyOfRequest } from "../../src/domain/limit/naming.ts";
import type { LimitActor } from "../../src/objects/limit/actor.ts";
import type { AcquireAnswer } from "../../src/objects/limit/ears.ts";
import type { AcquireCommand, LimitOperations } from "../../src/objects/limit/operations.ts";
import { LimitWatch } from "./limit-watch.ts";
import type { Network } from "./network.ts";
import { SimObject } from "./objects.ts";
import type { SimProcess } from "./process.ts";
import type { World } from "./world.ts";

export const WORKSPACE = "default";
const CALL_MS = 30_000;

/** The client's end of a socket. */
export interface SocketHandlers {
  onFrame(answer: AcquireAnswer): void;
  onClose(): void;
}

interface Socket {
  opened_at: number;
  owner: SimProcess;
  /** Frames arrive in the order in which they were sent: one that was overtaken is lost. */
  sent: number;
  arrived: number;
  handlers: SocketHandlers;
}

export class SimLimit {
  readonly name: string;
  readonly object: SimObject<LimitActor>;
  readonly watch: LimitWatch;
  readonly #world: World;
  readonly #network: Network;
  /** Open sockets of waiters, as the platform knows them. */
  readonly #sockets = new Map<string, Socket>();
  #requests = 0;

  constructor(
    world: World,
    network: Network,
    name: string,
    find: (address: ObjectAddress) => SimObject | undefined,
  ) {
    [this.#world, this.#network, this.name] = [world, network, name];
    const address = addressOfName(WORKSPACE, "limit", name);
    this.object = new SimObject<LimitActor>(world, network, address, name, find, {
      make: (host, tools, code) =>
        new code.LimitActor(host, {
          hasSocket: (waiter_key) => this.#sockets.has(waiter_key),
          // It pings all the time.
          pingedAt: (waiter_key) => this.heardAt(waiter_key) ?? 0,
          sendAnswer: (waiter_key, answer) => {
            const socket = this.#sockets.get(waiter_key);
            if (socket !== undefined) tools.whenDurable(() => this.#sendFrame(waiter_key, socket, answer));
          },
          // Holders here learn of the end of their lease when they renew: the socket for it may be lost, too.
          sendEnded: () => {},
          after: (ms, body) => tools.after(ms, body),
        }),
      onCall: ({ operation, command }) => this.watch.note(operation, command),
      onAnswer: ({ operation, command }, result) => this.watch.noteAnswer(operation, command, result),
      onCommit: () => this.watch.look(),
      onDeath: () => {
        for (const [key, socket] of this.#sockets) {
          this.#sockets.delete(key);
          this.#tellClosed(socket);
        }
      },
    });
    this.watch = new LimitWatch(world, this.object, (key) => this.#sockets.get(key)?.opened_at, find);
  }

  /** When the owner of a waiter's open socket was alive last; undefined without one. */
  heardAt(waiter_key: string): number | undefined {
    return this.#sockets.get(waiter_key)?.owner.ran_at;
  }

  get key(): string {
    return this.object.address.key;
  }

  /** Asks as a process does over HTTP; undefined when no answer has come in time. */
  ask<Operation extends keyof LimitOperations>(
    who: SimProcess | string,
    operation: Operation,
    command: LimitOperations[Operation]["command"],
    timeout_ms = CALL_MS,
  ): Promise<Result<LimitOperations[Operation]["answer"]> | undefined> {
    const from = typeof who === "string" ? who : who.name;
    const request_id = `${from}:${(this.#requests += 1)}`;
    const answered = this.#network.call(
      from,
      this.name,
      `${operation} ${shorten(command)}`,
      timeout_ms,
      async () => {
        const result = await this.object.deliver(this.#envelope(request_id, operation, command));
        this.#world.count(operation);
        this.#world.say(this.name, `${from} ${operation} ${shorten(command)} -> ${shortenAnswer(result)}`);
        return result;
      },
    ) as Promise<Result<LimitOperations[Operation]["answer"]> | undefined>;
    return typeof who === "string" ? answered : who.hear(answered);
  }

  /** Opens a socket and asks on it. Returns what the client can do with it. */
  connect(
    who: SimProcess,
    command: AcquireCommand,
    handlers: SocketHandlers,
  ): { take(): void; close(): void } {
    const waiter_key = keyOfRequest(command.request_id);
    const socket: Socket = { owner: who, handlers, opened_at: 0, sent: 0, arrived: 0 };
    const ask = (): void => {
      const request_id = `${who.name}:${(this.#requests += 1)}`;
      const asked = { ...command, caller: { type: "socket" } as const, wait_seconds: 0 };
      this.#world.spawn(who.name, async () => {
        const answer = await this.object.deliver(this.#envelope(request_id, "acquire", asked));
        this.#sendFrame(waiter_key, socket, answer as AcquireAnswer);
      });
    };
    this.#network.send(who.name, this.name, "open socket", () => {
      const older = this.#sockets.get(waiter_key);
      if (older !== undefined) this.#tellClosed(older);
      this.#sockets.set(waiter_key, socket);
      socket.opened_at = this.#world.now;
      ask();
    });
    return {
      take: () =>
        this.#network.send(who.name, this.name, "take", () => {
          if (this.#sockets.get(waiter_key) === socket) ask();
        }),
      close: () =>
        this.#network.send(who.name, this.name, "close socket", () => {
          if (this.#sockets.get(waiter_key) !== socket) return;
          this.#sockets.delete(waiter_key);
          const instance = this.object.wake();
          void instance.started.then(() => instance.actor.hearClosed(waiter_key));
        }),
    };
  }

  #envelope(request_id: string, operation: string, command: unknown) {
    const { address } = this.object;
    return { v: ENVELOPE_VERSION, address, actor: "sim", request_id, operation, command };
  }

  /** A grant or a refusal is the last word on a socket. */
  #sendFrame(waiter_key: string, socket: Socket, answer: AcquireAnswer): void {
    if (this.#sockets.get(waiter_key) !== socket) return;
    this.#world.say(this.name, `frame to ${socket.owner.name}: ${shortenAnswer(answer)}`);
    const isLast = !answer.ok || answer.value.status === "granted";
    this.watch.noteAnswer("acquire", null, answer);
    const number = (socket.sent += 1);
    this.#network.send(this.name, socket.owner.name, "frame", () => {
      if (number <= socket.arrived) return;
      socket.arrived = number;
      socket.handlers.onFrame(answer);
    });
    if (!isLast) return;
    this.#sockets.delete(waiter_key);
    this.#tellClosed(socket);
  }

  #tellClosed(socket: Socket): void {
    this.#network.send(this.name, socket.owner.name, "socket closed", () => socket.handlers.onClose());
  }
}

function shorten(command: unknown): string {
  const { request_id, lease_id, slots, limit, caller } = command as Record<string, unknown>;
  return JSON.stringify({ request_id, lease_id, slots, limit, caller });
}

function shortenAnswer(result: Result<unknown>): string {
  if (!result.ok) return result.error.code;
  const value = result.value as Record<string, unknown> | null;
  if (value === null) return "ok";
  const { status, reason, fence, position, expires_in_seconds } = value;
  return JSON.stringify({ status, reason, fence, position, expires_in_seconds });
}
