/** Runs in a table. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { useDeploymentNames } from "../data/deployment-names.ts";
import { useFlowNames } from "../data/flow-names.ts";
import { PoolLink, RunLink } from "./links.tsx";
import { StateBadge } from "./state-badge.tsx";
import { formatDuration, Since, When } from "./time.tsx";
import { Table } from "./table.tsx";

/** `areMixed`: they are of several deployments, so it is said of which. */
export function RunTable({ runs, areMixed = false }: { runs: readonly FlowRun[]; areMixed?: boolean }) {
  const mixed = areMixed ? runs : [];
  const flows = useFlowNames(mixed.map(({ flow_id }) => flow_id));
  const deployments = useDeploymentNames(mixed.map(({ deployment_id }) => deployment_id));
  if (runs.length === 0) return <p class="none">No runs.</p>;
  return (
    <Table heads={["run", ...(areMixed ? ["of"] : []), "state", "began", "took", "pool", "worker"]}>
      {runs.map((run) => (
        <tr key={run.id}>
          <td>
            <RunLink run={run} />
          </td>
          {areMixed && (
            <td>
              <a class="above" href={`/flows/flow/${run.flow_id}`}>
                {flows.get(run.flow_id) ?? "…"}
              </a>
              {run.deployment_id !== null && (
                <>
                  {" / "}
                  <a href={`/deployments/deployment/${run.deployment_id}`}>
                    {deployments.get(run.deployment_id) ?? "…"}
                  </a>
                </>
              )}
            </td>
          )}
          <td>
            <StateBadge type={run.state_type} name={run.state_name} />
          </td>
          <td>
            <When at={run.start_time ?? run.expected_start_time} />
          </td>
          <td>
            <Took run={run} />
          </td>
          <td>{run.work_pool_name !== null && <PoolLink name={run.work_pool_name} />}</td>
          <td>{workerOf(run)}</td>
        </tr>
      ))}
    </Table>
  );
}

/** For how long a flow run or a task run has run. */
export function Took({ run }: { run: Pick<FlowRun, "state_type" | "start_time" | "total_run_time"> }) {
  if (run.state_type === "RUNNING" && run.start_time !== null) return <Since at={run.start_time} />;
  return run.total_run_time > 0 ? <>{formatDuration(run.total_run_time)}</> : <>–</>;
}

export function workerOf({ labels }: FlowRun): string {
  const name = labels["prefect.worker.name"];
  return typeof name === "string" ? name : "";
}
