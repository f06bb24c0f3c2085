/** One limit in plain Node: its actor, a clock, timers, an alarm and the sockets of its waiters, all moved by the test. */
import { DatabaseSync } from "node:sqlite";
import { addressOfName, ENVELOPE_VERSION, type Envelope } from "../../src/contract/envelope.ts";
import { accept, type Result } from "../../src/contract/errors.ts";
import type { Grant, Holder, RunIdentity, Waiting } from "../../src/contract/wire/limits.ts";
import { keyOfRequest } from "../../src/domain/limit/naming.ts";
import { LimitActor } from "../../src/objects/limit/actor.ts";
import type { AcquireAnswer } from "../../src/objects/limit/ears.ts";
import type { AcquireCommand, Caller, LimitOperations } from "../../src/objects/limit/operations.ts";
import { createNodeHost, type NodeHost } from "./node-host.ts";

/** An answer on a socket, and when it was sent. */
export interface Frame {
  at: number;
  answer: AcquireAnswer;
}

interface Timer {
  at: number;
  body: () => void;
}

/** What a test says of an acquire; the rest is as most callers have it. */
export interface Asking {
  request_id?: string;
  slots?: number;
  wait_seconds?: number;
  priority?: number;
  caller?: Caller;
  run?: RunIdentity | null;
  lease_seconds?: number;
  mode?: "concurrency" | "rate_limit";
  is_anonymous?: boolean;
  holder?: Holder;
  is_once_per_holder?: boolean;
  names?: string[];
  members?: AcquireCommand["members"];
}

export const WORKSPACE = "default";
export const START = 1_800_000_000_000;

export class LimitWorld {
  readonly name: string;
  readonly clock: { now: number };
  readonly database = new DatabaseSync(":memory:");
  readonly sent: Envelope[] = [];
  /** The frames that each open socket has got. */
  readonly sockets = new Map<string, Frame[]>();
  /** Those whose sockets are open and say nothing any more; the others ping all the time. */
  readonly silentSince = new Map<string, number>();
  /** The leases whose holders were told that they were ended. */
  readonly ended: string[] = [];
  readonly #call: (envelope: Envelope) => Promise<Result<unknown>>;
  host: NodeHost;
  actor: LimitActor;
  #timers: Timer[] = [];
  #requests = 0;
  statements: string[] = [];
  /** Puts a fault into statements on their way. */
  distort: (statement: string) => string = (statement) => statement;

  constructor(
    name = "gpu",
    clock = { now: START },
    call: (envelope: Envelope) => Promise<Result<unknown>> = () => Promise.resolve(accept(null)),
  ) {
    this.name = name;
    this.clock = clock;
    this.#call = call;
    this.host = this.#makeHost(null, 0);
    this.actor = this.#makeActor();
  }

  get key(): string {
    return this.host.address.key;
  }

  /** The process dies and starts again on the same storage: requests and timers are gone, sockets only if it crashed. */
  async restart({ keepsSockets = false } = {}): Promise<void> {
    this.#timers = [];
    if (!keepsSockets) this.sockets.clear();
    this.host = this.#makeHost(this.host.alarm_at, this.host.expiry_floor);
    this.actor = this.#makeActor();
    await this.actor.start();
  }

  do<Operation extends keyof LimitOperations>(
    operation: Operation,
    command: LimitOperations[Operation]["command"],
  ): Promise<Result<LimitOperations[Operation]["answer"]>> {
    return this.actor.execute({
      v: ENVELOPE_VERSION,
      address: this.host.address,
      actor: "test",
      request_id: `test:${(this.#requests += 1)}`,
      operation,
      command,
    }) as Promise<Result<LimitOperations[Operation]["answer"]>>;
  }

  /** Like {@link do} for what must succeed. */
  async must<Operation extends keyof LimitOperations>(
    operation: Operation,
    command: LimitOperations[Operation]["command"],
  ): Promise<LimitOperations[Operation]["answer"]> {
    const result = await this.do(operation, command);
    if (!result.ok) throw new Error(`${operation}: ${result.error.code} ${result.error.detail}`);
    return result.value;
  }

  acquire(asking: Asking = {}): Promise<Result<Grant | Waiting>> {
    return this.do("acquire", this.command(asking));
  }

  command(asking: Asking): AcquireCommand {
    return {
      names: [this.name],
      members: [{ name: this.name, key: this.key }],
      request_id: `auto:${(this.#requests += 1)}`,
      slots: 1,
      mode: "concurrency",
      lease_seconds: 300,
      wait_seconds: 0,
      priority: 0,
      caller: { type: "request" },
      run: null,
      ...asking,
    };
  }

  /** Opens a socket and asks on it, as the object's shell does. */
  async open(request_id: string, asking: Asking = {}): Promise<AcquireAnswer> {
    const waiter_key = keyOfRequest(request_id);
    this.sockets.set(waiter_key, []);
    const answer = await this.acquire({ ...asking, request_id, caller: { type: "socket" } });
    if (!answer.ok || answer.value.status === "granted") this.sockets.delete(waiter_key);
    return answer;
  }

  async close(request_id: string): Promise<void> {
    this.sockets.delete(keyOfRequest(request_id));
    await this.actor.hearClosed(keyOfRequest(request_id));
  }

  /** Moves the clock; timers fire on the way, the alarm too unless the platform is late. */
  async pass(ms: number, { isAlarmLate = false } = {}): Promise<void> {
    const end = this.clock.now + ms;
    for (;;) {
      await this.quiet();
      const timer = this.#timers.toSorted((left, right) => left.at - right.at)[0];
      const alarm = isAlarmLate ? null : this.host.alarm_at;
      const at = Math.min(timer?.at ?? Number.POSITIVE_INFINITY, alarm ?? Number.POSITIVE_INFINITY);
      if (at > end) break;
      this.clock.now = Math.max(this.clock.now, at);
      if (timer !== undefined && timer.at === at) {
        this.#timers.splice(this.#timers.indexOf(timer), 1);
        timer.body();
      } else await this.fireAlarm();
    }
    this.clock.now = end;
    await this.quiet();
  }

  async fireAlarm(): Promise<void> {
    this.host.alarm_at = null;
    await this.actor.alarm();
  }

  /** Lets everything run that does not wait for time. */
  async quiet(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    await this.host.settle();
  }

  #makeHost(alarm_at: number | null, expiry_floor: number): NodeHost {
    const host = createNodeHost({
      address: addressOfName(WORKSPACE, "limit", this.name),
      clock: this.clock,
      database: this.database,
      expiry_floor,
      has_lost_time: true,
      call: (envelope) => {
        this.sent.push(envelope);
        return this.#call(envelope);
      },
    });
    host.alarm_at = alarm_at;
    const all = host.sql.all.bind(host.sql);
    host.sql.all = (statement, ...bindings) => {
      this.statements.push(statement);
      return all(this.distort(statement), ...bindings);
    };
    return host;
  }

  #makeActor(): LimitActor {
    return new LimitActor(this.host, {
      hasSocket: (waiter_key) => this.sockets.has(waiter_key),
      pingedAt: (waiter_key) => this.silentSince.get(waiter_key) ?? this.clock.now,
      sendAnswer: (waiter_key, answer) => {
        this.sockets.get(waiter_key)?.push({ at: this.clock.now, answer });
        if (!answer.ok || answer.value.status === "granted") this.sockets.delete(waiter_key);
      },
      sendEnded: (lease_id) => void this.ended.push(lease_id),
      after: (ms, body) => {
        const timer = { at: this.clock.now + ms, body };
        this.#timers.push(timer);
        return () => {
          const index = this.#timers.indexOf(timer);
          if (index >= 0) this.#timers.splice(index, 1);
        };
      },
    });
  }
}

/** The promise's value if it has one by now. */
export async function peek<Value>(promise: Promise<Value>): Promise<Value | undefined> {
  return Promise.race([promise, new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)))]);
}

/** The grant in an answer; throws when it is something else. */
export function granted(result: Result<Grant | Waiting> | undefined): Grant {
  if (result?.ok !== true || result.value.status !== "granted")
    throw new Error(`not granted: ${JSON.stringify(result)}`);
  return result.value;
}

/** The waiting in an answer; throws when it is something else. */
export function waiting(result: Result<Grant | Waiting> | undefined): Waiting {
  if (result?.ok !== true || result.value.status !== "waiting")
    throw new Error(`not waiting: ${JSON.stringify(result)}`);
  return result.value;
}
