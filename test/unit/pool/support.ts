/** A pool in plain Node: the real actor on SQLite in memory, with a clock, a limit and a workspace that the test plays. */
import { ENVELOPE_VERSION, addressOfName, type Envelope } from "../../../src/contract/envelope.ts";
import { accept, type Result } from "../../../src/contract/errors.ts";
import type { SessionBeat } from "../../../src/contract/wire/agents.ts";
import { PoolActor, type PoolOptions } from "../../../src/objects/pool/actor.ts";
import type { PoolOperations, RunDraft } from "../../../src/objects/pool/operations.ts";
import { draftRun } from "../../support/run-draft.ts";
import { createNodeHost, type NodeHost, type NodeHostOptions } from "../../support/node-host.ts";

export const POOL = "ml-pool";
export const FLOW = "0f9a1c52-0000-4000-8000-000000000001";
export const DEPLOYMENT = "0f9a1c52-0000-4000-8000-0000000000d1";
export const SESSION = "0f9a1c52-0000-4000-8000-0000000005e1";
const START = Date.UTC(2026, 10, 22, 12);

/** The n-th attempt id. */
export function attemptId(index: number): string {
  return `0f9a1c52-0000-4000-8000-${index.toString(16).padStart(12, "0")}`;
}

/** A run of {@link DEPLOYMENT} that is due at once. */
export function draftOf(more: Partial<RunDraft> = {}): RunDraft {
  return draftRun({ flow_id: FLOW, deployment_id: DEPLOYMENT, ...more });
}

export interface TestPool {
  readonly host: NodeHost;
  readonly clock: { now: number };
  readonly wakes: { reason: string; worker_name: string | undefined }[];
  /** When agents were heard of on their sockets last, by their names. */
  readonly pings: Map<string, number>;
  /** What other objects were asked. */
  readonly calls: Envelope[];
  /** How other objects answer. */
  answer: (envelope: Envelope) => Result<unknown> | Promise<Result<unknown>>;
  /** Passes on what another object sends to the pool. */
  receive(envelope: Envelope): Promise<Result<unknown>>;
  /** Asks the pool and fails the test when it refuses. */
  do<Operation extends keyof PoolOperations>(
    operation: Operation,
    command: PoolOperations[Operation]["command"],
  ): Promise<PoolOperations[Operation]["answer"]>;
  /** Asks the pool for anything. */
  ask(operation: string, command: unknown): Promise<Result<unknown>>;
  /** Throws the instance away and starts another one on the same storage. */
  evict(): Promise<void>;
  /** Moves the clock, running every alarm that comes due on the way. */
  advance(ms: number): Promise<void>;
  beat(more?: Partial<SessionBeat>): Promise<PoolOperations["beat"]["answer"]>;
}

/** Makes a pool named {@link POOL} and everything around it. */
export async function createTestPool(
  options: {
    name?: string;
    isCreated?: boolean;
    expiry_floor?: number;
    has_lost_time?: boolean;
  } & PoolOptions = {},
): Promise<TestPool> {
  const name = options.name ?? POOL;
  const clock = { now: START };
  const calls: Envelope[] = [];
  const wakes: TestPool["wakes"] = [];
  const address = addressOfName("default", "pool", name);
  const hostOptions: NodeHostOptions = {
    address,
    clock,
    ...(options.expiry_floor !== undefined && { expiry_floor: options.expiry_floor }),
    ...(options.has_lost_time !== undefined && { has_lost_time: options.has_lost_time }),
    call: async (envelope) => {
      await Promise.resolve();
      calls.push(envelope);
      return pool.answer(envelope);
    },
  };
  const host = createNodeHost(hostOptions);
  const pings = new Map<string, number>();
  const sockets = {
    wake: (reason: string, worker_name?: string) => {
      wakes.push({ reason, worker_name });
    },
    heardAt: (worker_name: string) => pings.get(worker_name) ?? null,
  };
  let actor = new PoolActor(host, sockets, options);
  await actor.start();
  const settle = async () => {
    for (let round = 0; round < 20; round += 1) await Promise.resolve();
    await host.settle();
  };
  const pool: TestPool = {
    host,
    clock,
    wakes,
    pings,
    calls,
    answer: () => accept(null),
    receive: (envelope) => actor.execute(envelope),
    do: async (operation, command) => {
      const result = await pool.ask(operation, command);
      if (!result.ok) throw new Error(`${operation}: ${result.error.code}: ${result.error.detail}`);
      return result.value as never;
    },
    ask: async (operation, command) => {
      const result = actor.execute({
        v: ENVELOPE_VERSION,
        address,
        name,
        actor: "test",
        request_id: crypto.randomUUID(),
        operation,
        command,
      });
      await settle();
      return result;
    },
    evict: async () => {
      await settle();
      actor = new PoolActor(host, sockets, options);
      await actor.start();
    },
    advance: async (ms) => {
      const until = clock.now + ms;
      for (let alarms = 0; host.alarm_at !== null && host.alarm_at <= until; alarms += 1) {
        if (alarms > 10_000) throw new Error("The alarm never comes to rest.");
        clock.now = Math.max(clock.now, host.alarm_at);
        host.alarm_at = null;
        await actor.alarm();
        await settle();
      }
      clock.now = until;
    },
    beat: (more = {}) =>
      pool.do("beat", {
        name: "gpu-1",
        session_id: SESSION,
        session_seconds: 60,
        limit: 10,
        work_queue_names: [],
        labels: {},
        gpus: [],
        ...more,
      }),
  };
  if (options.isCreated !== false) await pool.do("create", { name, type: "process" });
  return pool;
}
