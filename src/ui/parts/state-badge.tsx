/** The state of a run, in its colour and by name. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";

export function StateBadge({ type, name }: { type: FlowRun["state_type"]; name: string | null }) {
  return <span class={`badge ${(type ?? "none").toLowerCase()}`}>{name ?? "no state"}</span>;
}
