/** How people are told of a place in line. */
import type { RunExplanation } from "./wire/explanations.ts";

/** `3 in line` of a limit, `3 of its queue`; undefined where a run stands in no line. */
export function sayPlace({ reason, position }: RunExplanation): string | undefined {
  if (position === null) return undefined;
  return `${position} ${reason === "limit" || reason === "deployment_full" ? "in line" : "of its queue"}`;
}
