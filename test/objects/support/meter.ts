/** What the platform bills of operations, counted where it happens: at the Worker's door and at the objects' doors. */
import { app } from "../../../src/api/app.ts";
import type { Envelope } from "../../../src/contract/envelope.ts";
import { ConcurrencyLimit, EventHub, RunJournal, WorkPool, Workspace } from "../../../src/index.ts";
import { countRowsOf, type Rows } from "./rows.ts";

/** What was counted, or as much of it as one of many operations has. */
export interface Bill {
  /** Requests of the Worker: HTTP calls and upgrades; frames on a socket are none. */
  requests: number;
  /** Requests of objects: calls by RPC from the Worker and from each other, upgrades and alarms. */
  calls: number;
  /** Frames that came in on the objects' sockets; pings that are answered without an object are none. */
  frames: number;
  /** Rows written, by all objects. */
  rows: number;
}

const CLASSES = [ConcurrencyLimit, EventHub, RunJournal, WorkPool, Workspace];
const DOORS = { execute: "calls", fetch: "calls", alarm: "calls", webSocketMessage: "frames" } as const;

/** Counts from now on, all objects together. Each call of what is returned begins anew. */
export function startMeter(): () => Bill {
  const counts = { requests: 0, calls: 0, frames: 0 };
  const objects = new Map<DurableObjectStorage, () => Rows>();
  wrap(app, "fetch", () => (counts.requests += 1));
  for (const { prototype } of CLASSES)
    for (const [door, kind] of Object.entries(DOORS))
      wrap(prototype, door, (object, argument) => {
        // What an object asks itself because of a frame or an upgrade came in with that.
        if (door === "execute" && (argument as Envelope).actor === "socket") return;
        counts[kind] += 1;
        const { storage } = (object as { ctx: DurableObjectState }).ctx;
        if (!objects.has(storage)) objects.set(storage, countRowsOf(storage));
      });
  return () => {
    const rows = [...objects.values()].reduce((sum, count) => sum + count().written, 0);
    const bill = { ...counts, rows };
    Object.assign(counts, { requests: 0, calls: 0, frames: 0 });
    return bill;
  };
}

function wrap(owner: object, name: string, note: (self: unknown, argument: unknown) => void): void {
  const original: unknown = Reflect.get(owner, name);
  if (typeof original !== "function") return;
  Object.defineProperty(owner, name, {
    configurable: true,
    writable: true,
    value(this: unknown, ...given: unknown[]): unknown {
      note(this, given[0]);
      return Reflect.apply(original, this, given);
    },
  });
}
