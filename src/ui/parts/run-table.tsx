/** Runs in a table. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { useDeploymentNames } from "../data/deployment-names.ts";
import { useFlowNames } from "../data/flow-names.ts";
import { PoolLink, RunLink } from "./links.tsx";
import { StateBadge } from "./state-badge.tsx";
import { Due, formatDuration, Since, When } from "./time.tsx";
import { Table, type Column } from "./table.tsx";
import { AskWhy } from "./why.tsx";

/** `areMixed`: they are of several deployments, so it is said of which. */
export function RunTable({ runs, areMixed = false }: { runs: readonly FlowRun[]; areMixed?: boolean }) {
  const mixed = areMixed ? runs : [];
  const flows = useFlowNames(mixed.map(({ flow_id }) => flow_id));
  const deployments = useDeploymentNames(mixed.map(({ deployment_id }) => deployment_id));
  if (runs.length === 0) return <p class="none">No runs.</p>;
  const of: Column<FlowRun> = {
    header: "of",
    cell: ({ flow_id, deployment_id }) => (
      <div class="names">
        <a class="above" href={`/flows/flow/${flow_id}`}>
          {flows.get(flow_id) ?? flow_id.slice(-12)}
        </a>
        {deployment_id !== null && (
          <>
            {" / "}
            <a href={`/deployments/deployment/${deployment_id}`}>
              {deployments.get(deployment_id) ?? deployment_id.slice(-12)}
            </a>
          </>
        )}
      </div>
    ),
  };
  return <Table rows={runs} keyOf={({ id }) => id} columns={[NAME, ...(areMixed ? [of] : []), ...COLUMNS]} />;
}

const WAITING = new Set<FlowRun["state_type"]>(["SCHEDULED", "PENDING", "PAUSED"]);
const NAME: Column<FlowRun> = { header: "run", cell: (run) => <RunLink run={run} /> };
const COLUMNS: readonly Column<FlowRun>[] = [
  {
    header: "state",
    cell: ({ id, state_type, state_name }) => (
      <>
        <StateBadge type={state_type} name={state_name} />
        {WAITING.has(state_type) && <AskWhy id={id} />}
      </>
    ),
  },
  { header: "began, or is due", cell: (run) => <Began run={run} /> },
  { header: "took", cell: (run) => <Took run={run} /> },
  { header: "pool", cell: ({ work_pool_name: pool }) => pool !== null && <PoolLink name={pool} /> },
  { header: "worker", value: workerOf },
];

/** What has not begun is due, or late; what ended before it began says when that was to be. */
function Began({ run: { state_type, start_time, ...run } }: { run: FlowRun }) {
  if (state_type === "SCHEDULED")
    return <Due at={run.next_scheduled_start_time ?? run.expected_start_time} />;
  return <When at={start_time ?? run.expected_start_time} />;
}

/** For how long a flow run or a task run has run. */
export function Took({
  run: { state_type, state, total_run_time: before },
}: {
  run: Pick<FlowRun, "state_type" | "state" | "total_run_time">;
}) {
  // The times between its attempts, and those in which it was paused, are none in which it ran.
  if (state_type === "RUNNING" && state !== null) return <Since at={state.timestamp} before={before} />;
  return before > 0 ? <>{formatDuration(before)}</> : <>–</>;
}

export function workerOf({ labels }: FlowRun): string {
  const name = labels["prefect.worker.name"];
  return typeof name === "string" ? name : "";
}
