/** Whether a pool or a queue is ready. */
import type { WorkPool } from "../../contract/wire/work-pools.ts";

const WORDS: Record<WorkPool["status"], string> = {
  READY: "ready",
  PAUSED: "paused",
  NOT_READY: "nobody serves it",
};

export function PoolStatus({ status }: { status: WorkPool["status"] }) {
  return <span class={status === "READY" ? "status online" : "status offline"}>{WORDS[status]}</span>;
}
