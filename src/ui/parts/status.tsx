/** Whether something is there for us: a dot, and what it is in a few words. */
import type { ComponentChildren } from "preact";
import type { Worker, WorkPool } from "../../contract/wire/work-pools.ts";

export function Status({ isGood, children }: { isGood: boolean; children: ComponentChildren }) {
  return <span class={isGood ? "status online" : "status offline"}>{children}</span>;
}

const WORDS: Record<WorkPool["status"], string> = {
  READY: "ready",
  PAUSED: "paused",
  NOT_READY: "nobody serves it",
};

/** Of a pool or of a queue. */
export function PoolStatus({ status }: { status: WorkPool["status"] }) {
  return <Status isGood={status === "READY"}>{WORDS[status]}</Status>;
}

/** How many runs a worker has, of how many it takes. */
export function formatLoad({ running, limit }: Pick<Worker, "running" | "limit">): string {
  return `${running ?? "–"}${typeof limit === "number" ? ` of ${limit}` : ""}`;
}
