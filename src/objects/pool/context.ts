/** What the parts of a pool share: its store, the way to other objects, wakes, ids. */
import type { ObjectAddress } from "../../contract/envelope.ts";
import { formatId, type IdLayout } from "../../contract/ids.ts";
import type { AgentWake } from "../../contract/wire/agents.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { State } from "../../contract/wire/states.ts";
import type { PoolChange } from "../../domain/events/state-event.ts";
import type { Acts } from "../shared/acts.ts";
import type { ObjectHost } from "../shared/host.ts";
import type { PoolRow } from "./rows.ts";
import type { PoolStore } from "./store.ts";

/** The sockets of our agents. */
export interface AgentSockets {
  /** Tells agents to look again: those of one worker, or of all. May be lost. */
  wake(reason: AgentWake["reason"], worker_name?: string): void;
  /** When the agent of that name opened its socket or sent a ping on it last, milliseconds since the epoch; null without one. */
  heardAt(worker_name: string): number | null;
}

/** Who listens to events hears what the pool, its queues and deployments come to. */
export interface StatusLook {
  /** These were heard of just now. */
  hear(ids: readonly string[]): void;
  /** Any of them may have changed. */
  look(): void;
}

export interface PoolContext {
  readonly host: ObjectHost;
  readonly store: PoolStore;
  readonly wake: AgentSockets["wake"];
  readonly heardAt: AgentSockets["heardAt"];
  readonly send: (target: ObjectAddress, operation: string, request_id: string, command: unknown) => void;
  /** A run came to a new state: those who listen to events hear of it. */
  readonly noteState: (run: FlowRun, before: State | null) => void;
  /** The pool, or one of its queues, was made, changed or deleted: they hear of that, too. */
  readonly noteChange: (change: PoolChange) => void;
  readonly statuses: StatusLook;
  /** A person's acts, for the audit list. */
  readonly acts: Acts;
  readonly wakeAt: (at: number) => void;
  /** Runs `body` in a turn of its own, in a transaction. */
  readonly turn: (name: string, body: () => void) => Promise<void>;
  /** A finished run moves to its journal this long after its last write; null: never. */
  readonly move_after_ms: number | null;
}

/** The pool's row. Only called where the object exists. */
export function poolOf(context: PoolContext): Readonly<PoolRow> {
  const pool = context.store.catalog.readPool();
  if (pool === undefined) throw new Error("This pool has tables and no row.");
  return pool;
}

/** Mints an id that routes to this pool; ordered by `head` (milliseconds) where one is given. */
export function mintId({ host }: PoolContext, layout: IdLayout, head?: number): string {
  return formatId({
    layout,
    key: host.address.key,
    version: head === undefined ? 8 : 7,
    head: head === undefined ? host.randomUint(48) : Math.max(0, Math.floor(head)),
    tail: host.randomUint(22),
  });
}

/** A fresh request id for an effect of this pool. */
export function mintRequestId({ host }: PoolContext): string {
  return `${host.address.key}-${host.now().toString(36)}-${host.randomUint(48).toString(36)}`;
}
