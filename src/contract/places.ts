/** How people are told of a place in line. */
import { PLACES_COUNTED_MAX } from "./bounds.ts";
import type { RunExplanation } from "./wire/explanations.ts";

/** `3 in line` of a limit, `3 of its queue`; undefined where a run stands in no line. */
export function sayPlace({ reason, position }: RunExplanation): string | undefined {
  if (position === null) return undefined;
  if (reason === "limit" || reason === "deployment_full") return `${position} in line`;
  return `${position}${position > PLACES_COUNTED_MAX ? " or later" : ""} of its queue`;
}
