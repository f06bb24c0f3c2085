/** States after which nothing more comes. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";

const ENDED = new Set<FlowRun["state_type"]>(["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]);

export function isEnded({ state_type }: Pick<FlowRun, "state_type">): boolean {
  return ENDED.has(state_type);
}
