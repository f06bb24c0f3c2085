/** What can be done to a run. */
import type { RunExplanation } from "../../contract/wire/explanations.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { act } from "../data/act.ts";
import { isEnded } from "../data/ended.ts";
import { useQuery } from "../data/query.ts";
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
      {state_type === "SCHEDULED" && <ToFront run={run} />}
      {isEnded(run) ? <Retry run={run} /> : <Cancel run={run} />}
    </div>
  );
}

/** Where others stand before the run; what that does is said beside it, and undoes nothing, so it is not asked about. */
function ToFront({ run: { id, name, work_queue_name } }: { run: FlowRun }) {
  const { value } = useQuery<RunExplanation>({ method: "GET", path: `/flow_runs/${id}/why` });
  const others = (value?.position ?? 1) - 1;
  if (value === undefined || others < 1) return null;
  const whose =
    value.reason === "deployment_full"
      ? "who wait for a slot of its deployment"
      : work_queue_name === null
        ? "of its deployment"
        : `of queue ${work_queue_name}`;
  return (
    <>
      <button
        type="button"
        aria-describedby="to-front"
        onClick={() =>
          void act(
            { method: "POST", path: `/flow_runs/${id}/to_front`, body: {} },
            `${name} stands at the front of its line now.`,
          )
        }
      >
        To the front
      </button>
      <span class="hint" id="to-front">
        goes before {others === 1 ? "one other" : `${others} others`} {whose}
      </span>
    </>
  );
}

function Cancel({ run: { id, name, state_type } }: { run: FlowRun }) {
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
      <p>
        {state_type === "SCHEDULED"
          ? "It has no process, so it ends at once and leaves its queue."
          : state_type === "PAUSED"
            ? "It ends instead of being resumed; a process that waits for that is stopped."
            : "Its process gets SIGTERM and, after its grace, SIGKILL. What it holds goes to the next in line."}
      </p>
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
