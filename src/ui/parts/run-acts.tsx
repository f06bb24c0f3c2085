/** What can be done to a run. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { act } from "../data/act.ts";
import { isEnded } from "../data/ended.ts";
import { Ask } from "./ask.tsx";

export function RunActs({ run }: { run: FlowRun }) {
  const { id, name, state_type } = run;
  return (
    <div class="buttons">
      {state_type === "PAUSED" && (
        <button
          type="button"
          onClick={() =>
            void act({ method: "POST", path: `/flow_runs/${id}/resume`, body: {} }, `${name} goes on.`)
          }
        >
          Resume
        </button>
      )}
      {isEnded(run) ? <Retry run={run} /> : <Cancel run={run} />}
    </div>
  );
}

function Cancel({ run: { id, name } }: { run: FlowRun }) {
  return (
    <Ask
      label="Cancel"
      title={`Cancel ${name}?`}
      confirm="Cancel the run"
      isDangerous
      onConfirm={() =>
        act(
          { method: "POST", path: `/flow_runs/${id}/set_state`, body: { state: { type: "CANCELLING" } } },
          `${name} is being cancelled.`,
        )
      }
    >
      <p>Its process gets SIGTERM and, after its grace, SIGKILL. What it holds goes to the next in line.</p>
    </Ask>
  );
}

function Retry({ run: { id, name } }: { run: FlowRun }) {
  return (
    <Ask
      label="Run it again"
      title={`Run ${name} again?`}
      confirm="Run it again"
      onConfirm={() =>
        act(
          {
            method: "POST",
            path: `/flow_runs/${id}/set_state`,
            body: { state: { type: "SCHEDULED", name: "AwaitingRetry" }, force: true },
          },
          `${name} stands in its queue again.`,
        )
      }
    >
      <p>The same run goes back to its queue, with the same parameters, as another attempt.</p>
    </Ask>
  );
}
