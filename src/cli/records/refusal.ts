/** Why a proposed state was not taken, as the end of a sentence. */
import type { OrchestrationResult } from "../../contract/wire/states.ts";

/** Reads the reason off an answer. */
export function explainRefusedState({ details, state }: OrchestrationResult): string {
  const reason = "reason" in details ? details.reason : null;
  if (reason !== null && reason !== "") return /[.!?]$/.test(reason) ? reason : `${reason}.`;
  return `it is ${state?.name ?? "in another state"}.`;
}
