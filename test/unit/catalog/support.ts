/** A workspace and its pools in plain Node: the real actors on SQLite in memory, one clock, a network that can fail. */
import {
  ENVELOPE_VERSION,
  addressOfName,
  addressOfWorkspace,
  formatAddress,
  type Envelope,
} from "../../../src/contract/envelope.ts";
import { accept, refuse, type Result } from "../../../src/contract/errors.ts";
import { PoolActor } from "../../../src/objects/pool/actor.ts";
import { WorkspaceActor } from "../../../src/objects/workspace/actor.ts";
import type { WorkspaceOperations } from "../../../src/objects/workspace/operations.ts";
import { createNodeHost, type NodeHost } from "../../support/node-host.ts";

export const START = Date.UTC(2026, 10, 22, 12);
const ALARMS_MAX = 5000;

interface Party {
  host: NodeHost;
  actor: PoolActor | WorkspaceActor;
  make: () => PoolActor | WorkspaceActor;
}

/** A run as the pool has it planned. */
export interface PlannedRun {
  deployment_id: string;
  schedule_id: string;
  date: string;
  parameters: unknown;
  tags: string[];
  state_type: string;
}

export class TestWorkspace {
  readonly clock = { now: START };
  /** What the workspace sent, by where it went. */
  readonly calls: Envelope[] = [];
  /** How the way to other objects fails: before they hear of a call, or after, so that the answer is lost. */
  fault: "none" | "deaf" | "mute" = "none";
  readonly #parties = new Map<string, Party>();
  readonly #pools: string[] = [];
  readonly #workspace: Party;

  constructor() {
    const address = addressOfWorkspace("default");
    const host = createNodeHost({ address, clock: this.clock, call: (envelope) => this.#carry(envelope) });
    const make = () => new WorkspaceActor(host);
    this.#workspace = { host, make, actor: make() };
    this.#parties.set(formatAddress(address), this.#workspace);
  }

  /** Makes a pool object of that name; a user's pool is created, an internal one creates itself. */
  async openPool(name: string, isCreated = true): Promise<void> {
    const address = addressOfName("default", "pool", name);
    const call = async (envelope: Envelope) => {
      await Promise.resolve();
      return envelope.address.kind === "workspace" ? accept(null) : refuse("not_found");
    };
    const host = createNodeHost({ address, clock: this.clock, call });
    const make = () => new PoolActor(host, { wake: () => {}, heardAt: () => null });
    this.#parties.set(formatAddress(address), { host, make, actor: make() });
    this.#pools.push(formatAddress(address));
    if (isCreated) await this.#execute(formatAddress(address), "create", { name, type: "process" });
  }

  /** Asks the workspace and fails the test when it refuses. */
  async do<Operation extends keyof WorkspaceOperations>(
    operation: Operation,
    command: WorkspaceOperations[Operation]["command"],
  ): Promise<WorkspaceOperations[Operation]["answer"]> {
    const result = await this.ask(operation, command);
    if (!result.ok) throw new Error(`${operation}: ${result.error.detail}`);
    return result.value;
  }

  async ask<Operation extends keyof WorkspaceOperations>(
    operation: Operation,
    command: WorkspaceOperations[Operation]["command"],
  ): Promise<Result<WorkspaceOperations[Operation]["answer"]>> {
    const result = await this.#execute(formatAddress(addressOfWorkspace("default")), operation, command);
    await this.settle();
    return result as Result<WorkspaceOperations[Operation]["answer"]>;
  }

  /** Lets everything that is under way arrive. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1)
      for (const { host } of this.#parties.values()) await host.settle();
  }

  /** Throws the workspace's instance away and starts another one on the same storage. */
  async evict(): Promise<void> {
    await this.settle();
    this.#workspace.actor = this.#workspace.make();
    await this.#workspace.actor.start();
  }

  /** Rings the workspace's alarm, whether its time has come or not. */
  async ring(): Promise<void> {
    await this.#workspace.actor.alarm();
    await this.settle();
  }

  /** Moves the clock, ringing every alarm that comes due on the way, or only at the end (`late`). */
  async advance(ms: number, mode: "in time" | "late" = "in time"): Promise<number> {
    const end = this.clock.now + ms;
    if (mode === "late") this.clock.now = end;
    let rings = 0;
    for (;;) {
      const [party] = [...this.#parties.values()]
        .filter(({ host }) => host.alarm_at !== null && host.alarm_at <= end)
        .sort((a, b) => (a.host.alarm_at ?? 0) - (b.host.alarm_at ?? 0));
      if (party === undefined) break;
      this.clock.now = Math.max(this.clock.now, party.host.alarm_at ?? 0);
      party.host.alarm_at = null;
      if (party === this.#workspace) rings += 1;
      if (rings > ALARMS_MAX) throw new Error("The alarm rings without end.");
      await party.actor.alarm();
      await this.settle();
    }
    this.clock.now = end;
    return rings;
  }

  /** When the workspace wakes next by itself. */
  get alarmAt(): number | null {
    return this.#workspace.host.alarm_at;
  }

  get events(): Record<string, unknown>[] {
    return this.#workspace.host.events;
  }

  /** All runs of schedules in all pools, by their keys. */
  async plannedRuns(): Promise<PlannedRun[]> {
    const runs: PlannedRun[] = [];
    for (const pool of this.#pools) {
      for (let offset = 0; ; offset += 200) {
        const command = { filter: {}, sort: "EXPECTED_START_TIME_ASC", limit: 200, offset };
        const result = await this.#execute(pool, "filter_runs", command);
        const page = (result.ok ? result.value : []) as {
          idempotency_key: string | null;
          parameters: unknown;
          tags: string[];
          state_type: string;
        }[];
        for (const { idempotency_key, parameters, tags, state_type } of page) {
          const [word, deployment_id = "", schedule_id = "", date = ""] = idempotency_key?.split(" ") ?? [];
          if (word === "scheduled")
            runs.push({ deployment_id, schedule_id, date, parameters, tags, state_type });
        }
        if (page.length < 200) break;
      }
    }
    return runs;
  }

  async #carry(envelope: Envelope): Promise<Result<unknown>> {
    await Promise.resolve();
    this.calls.push(envelope);
    if (this.fault === "deaf") return refuse("unavailable");
    if (envelope.address.kind === "limit") return accept(null);
    const party = this.#parties.get(formatAddress(envelope.address));
    const result = party === undefined ? refuse("not_found") : await party.actor.execute(envelope);
    return this.fault === "mute" ? refuse("unavailable") : result;
  }

  async #execute(object: string, operation: string, command: unknown): Promise<Result<unknown>> {
    const party = this.#parties.get(object);
    if (party === undefined) throw new Error(`No ${object} here.`);
    return party.actor.execute({
      v: ENVELOPE_VERSION,
      address: party.host.address,
      actor: "test",
      request_id: `request-${this.clock.now}-${Math.random()}`,
      operation,
      command,
    });
  }
}
