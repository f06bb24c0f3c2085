/** What can be done to a run. */
import { CANCELLING_SECONDS, PLACES_COUNTED_MAX } from "../../contract/bounds.ts";
import type { RunExplanation } from "../../contract/wire/explanations.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { OrchestrationResult } from "../../contract/wire/states.ts";
import type { WorkPool } from "../../contract/wire/work-pools.ts";
import { useState } from "preact/hooks";
import { act } from "../data/act.ts";
import { useDeployment } from "../data/deployment.ts";
import { isEnded } from "../data/ended.ts";
import { useQuery } from "../data/query.ts";
import { Ask } from "./ask.tsx";
import { workerOf } from "./run-table.tsx";

export function RunActs({ run }: { run: FlowRun }) {
  const { state_type } = run;
  // What is asked stays while it is asked.
  const [isCancelAsked, setCancelAsked] = useState(false);
  return (
    <div class="buttons">
      {state_type === "PAUSED" && <Resume run={run} />}
      {state_type === "SCHEDULED" && <ToFront run={run} />}
      {isEnded(run) && !isCancelAsked ? <Retry run={run} /> : <Cancel run={run} onAsked={setCancelAsked} />}
    </div>
  );
}

/** Why an act has left a run as it was; undefined where it has not, be it that another state was given than was asked for. */
function faultOf({ state_type }: FlowRun): (answer: unknown) => string | undefined {
  return (answer) => {
    const { status, state, details } = answer as OrchestrationResult;
    if (status === "ACCEPT" || (status === "REJECT" && state?.type !== state_type)) return undefined;
    return ("reason" in details ? details.reason : null) ?? "The run stays as it is.";
  };
}

/** What it does is said beside it, and a run can be paused again or cancelled, so it is not asked about. */
function Resume({ run }: { run: FlowRun }) {
  const { id, name, state, work_pool_name } = run;
  const details = state?.state_details;
  const isSuspended = details?.pause_reschedule === true;
  const asksInput = Object.keys(details?.run_input_keyset ?? {}).length > 0;
  return (
    <>
      <button
        type="button"
        aria-describedby="resume"
        onClick={() =>
          void act(
            { method: "POST", path: `/flow_runs/${id}/resume`, body: {} },
            isSuspended ? `${name} waits to be run on.` : `${name} goes on.`,
            faultOf(run),
          )
        }
      >
        Resume
      </button>
      <span class="hint" id="resume">
        {!isSuspended
          ? "its process, which waits for this, goes on"
          : work_pool_name === null
            ? "its flow begins again, in a process that serves its deployment"
            : "it goes back to its queue, and its flow begins again"}
        {asksInput && ", with the defaults of the input that it asks for"}
      </span>
    </>
  );
}

/** Where others stand before the run; what that does is said beside it, and undoes nothing, so it is not asked about. */
function ToFront({ run: { id, name, work_queue_name } }: { run: FlowRun }) {
  const { value } = useQuery<RunExplanation>({ method: "GET", path: `/flow_runs/${id}/why` });
  const others = (value?.position ?? 1) - 1;
  if (value === undefined || others < 1) return null;
  const whose =
    value.reason === "deployment_full"
      ? `who ${others === 1 ? "waits" : "wait"} for a slot of its deployment`
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
        goes before {others === 1 ? "one other" : `${others} others`}
        {others >= PLACES_COUNTED_MAX && value.reason !== "deployment_full" && " or more"} {whose}
      </span>
    </>
  );
}

function Cancel({ run, onAsked }: { run: FlowRun; onAsked: (isAsked: boolean) => void }) {
  const { id, name } = run;
  return (
    <Ask
      label="Cancel"
      title={`Cancel ${name}?`}
      confirm="Cancel the run"
      isDangerous
      over={isEnded(run) ? "It has ended by now." : undefined}
      onOpen={() => onAsked(true)}
      onClose={() => onAsked(false)}
      onConfirm={() =>
        act(
          { method: "POST", path: `/flow_runs/${id}/set_state`, body: { state: { type: "CANCELLING" } } },
          `${name} is ${hasNoProcess(run) ? "" : "being "}cancelled.`,
          faultOf(run),
        )
      }
    >
      <p>{sayCancel(run)}</p>
    </Ask>
  );
}

function hasNoProcess({ state_type, state, infrastructure_pid }: FlowRun): boolean {
  return state_type === "PAUSED"
    ? state?.state_details.pause_reschedule === true
    : state_type === "SCHEDULED" && (infrastructure_pid === null || state?.name === "Resuming");
}

/** What a cancel does, by who has the process of the run. */
function sayCancel(run: FlowRun): string {
  const { state_type, work_pool_name, deployment_id } = run;
  const isPaused = state_type === "PAUSED";
  if (hasNoProcess(run))
    return `It has no process, so it ends at once ${isPaused ? "instead of being resumed" : "and leaves its line"}.`;
  const instead = isPaused ? "It ends instead of being resumed. " : "";
  const latest = `${CANCELLING_SECONDS / 60} minutes at the latest`;
  if (workerOf(run) !== "")
    return `${instead}Its process gets SIGTERM and, after its grace, SIGKILL. What it holds goes to the next in line.`;
  if (work_pool_name === null && deployment_id !== null)
    return `${instead}Who serves its deployment stops its process. The server sets it to Cancelled in ${latest}.`;
  return `${instead}It has no worker, so nobody stops its process. It is Cancelled when that ends or says so, or by the server in ${latest}.`;
}

function Retry({ run }: { run: FlowRun }) {
  const { id, name, work_pool_name, deployment_id } = run;
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
          `${name} is to run again.`,
          faultOf(run),
        )
      }
    >
      <p>
        <Again pool={work_pool_name} deployment={deployment_id} />
      </p>
    </Ask>
  );
}

/** What becomes of a run that is run again; its pool or its deployment may be gone by then. */
function Again({ pool, deployment }: { pool: string | null; deployment: string | null }) {
  const pools = useQuery<WorkPool[]>(
    pool === null
      ? null
      : { method: "POST", path: "/work_pools/filter", body: { work_pools: { name: { any_: [pool] } } } },
  );
  const { value: found } = useDeployment(deployment);
  if (pools.value?.length === 0)
    return <>Its work pool {pool} was deleted, so it is cancelled at once: deploy it again.</>;
  if (found === null)
    return (
      <>Its deployment was deleted, so it waits, and fails as soon as a worker takes it: deploy it again.</>
    );
  return (
    <>
      The same run {pool === null ? "waits again" : "goes back to its queue"}, with the same parameters, as
      another attempt.
      {pool === null &&
        (deployment === null
          ? " It has no deployment, so no worker begins it: it waits for a process that runs it by its id."
          : " Its deployment has no work pool, so no worker begins it: only a process that serves it does.")}
    </>
  );
}
