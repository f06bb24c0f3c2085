/** A machine on which an agent works: its folder, its watchdog, and the processes of runs, which outlive the agent. */
import type { ClaimedRun } from "../../src/contract/wire/agents.ts";
import type { SimProcess } from "./process.ts";
import { START, type World } from "./world.ts";

/** How a process ended; null: nobody saw it. */
export type Exit = { exit_code: number | null; signal: string | null } | null;

export interface AttemptRecord {
  readonly attempt_id: string;
  readonly flow_run_id: string;
  readonly fence: number;
  /** It sets its own states. */
  readonly isEngine: boolean;
  process: SimProcess | undefined;
  stopReason: "cancelled" | "lost" | "stopped" | "given_up" | undefined;
  readonly exited: PromiseWithResolvers<Exit>;
  hasExited: boolean;
}

export interface Report {
  kind: "start" | "end";
  command: Record<string, unknown>;
}

/** What is on the agent's disk. */
export interface Folder {
  readonly session_id: string;
  /** Until when children may work, by the host's clock. */
  stop_at: number;
  end_at: number;
  readonly records: Map<string, AttemptRecord>;
  readonly outbox: Map<string, Report[]>;
}

export class SimHost {
  readonly name: string;
  readonly clock: { skew_ms: number; rate: number };
  readonly #world: World;
  readonly #random;
  readonly #folders: Folder[] = [];
  #frozenUntil = 0;
  folder: Folder;

  constructor(world: World, name: string, clock: { skew_ms: number; rate: number }) {
    [this.#world, this.name, this.clock] = [world, name, clock];
    this.#random = world.random(`host ${name}`);
    this.folder = this.#makeFolder();
  }

  get now(): number {
    return START + this.clock.skew_ms + (this.#world.now - START) * this.clock.rate;
  }

  /** Begins with nothing on the disk. What runs is left to the watchdog of the folder before. */
  useFreshFolder(): void {
    this.folder = this.#makeFolder();
  }

  #makeFolder(): Folder {
    const folder: Folder = {
      session_id: this.#random.uuid(),
      stop_at: 0,
      end_at: 0,
      records: new Map(),
      outbox: new Map(),
    };
    this.#folders.push(folder);
    return folder;
  }

  static record(claim: ClaimedRun, isEngine: boolean): AttemptRecord {
    return {
      attempt_id: claim.attempt_id,
      flow_run_id: claim.flow_run.id,
      fence: claim.fence,
      isEngine,
      process: undefined,
      stopReason: undefined,
      exited: Promise.withResolvers<Exit>(),
      hasExited: false,
    };
  }

  /** A process of a run is gone. */
  exit(record: AttemptRecord, exit: Exit): void {
    if (record.hasExited) return;
    record.hasExited = true;
    record.exited.resolve(exit);
  }

  /** TERM, and KILL before the grace is over. */
  stop(record: AttemptRecord, reason: NonNullable<AttemptRecord["stopReason"]>, grace_ms: number): void {
    if (record.stopReason === undefined || reason === "given_up") record.stopReason = reason;
    const { process } = record;
    if (process === undefined || record.hasExited) return;
    this.#world.timeline.after(this.#random.next() * grace_ms, () => this.kill(record, "SIGTERM"));
  }

  kill(record: AttemptRecord, signal: string): void {
    if (record.process === undefined || record.hasExited) return;
    record.process.kill();
    this.exit(record, { exit_code: null, signal });
  }

  /** Children may work until then; agent or watchdog, whoever lives, stops them. */
  prolong(folder: Folder, stop_at: number, end_at: number): void {
    [folder.stop_at, folder.end_at] = [stop_at, end_at];
    this.#guard(folder, stop_at);
  }

  #guard(folder: Folder, stop_at: number): void {
    const left_ms = Math.max(0, stop_at - this.now) / this.clock.rate;
    this.#world.timeline.after(left_ms, () => {
      if (folder.stop_at !== stop_at) return;
      if (this.#world.now < this.#frozenUntil) {
        this.#world.timeline.at(this.#frozenUntil, () => this.#guard(folder, stop_at));
        return;
      }
      for (const record of folder.records.values())
        this.stop(record, "lost", (folder.end_at - folder.stop_at) / 2);
    });
  }

  /** The whole machine sleeps. */
  freeze(ms: number): void {
    this.#frozenUntil = Math.max(this.#frozenUntil, this.#world.now + ms);
    for (const { process } of this.#listRecords()) process?.freeze(ms);
  }

  /** Power is lost: nothing that ran is left. */
  goDown(): void {
    for (const record of this.#listRecords())
      if (record.process !== undefined && !record.hasExited) {
        record.process.kill();
        this.exit(record, null);
      }
  }

  #listRecords(): AttemptRecord[] {
    return this.#folders.flatMap(({ records }) => [...records.values()]);
  }
}
