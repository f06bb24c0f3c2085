/** What the state says with which a run has ended. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { isEnded } from "../data/ended.ts";
import { toReadable } from "../data/readable-text.ts";

export function LastWords({ run }: { run: Pick<FlowRun, "state" | "state_type"> }) {
  const message = toReadable(run.state?.message ?? "");
  if (!isEnded(run) || message === "") return null;
  const isBad = run.state_type === "FAILED" || run.state_type === "CRASHED";
  return <p class={isBad ? "why bad as-written" : "why as-written"}>{message}</p>;
}
