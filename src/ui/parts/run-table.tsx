/** Runs in a table. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { StateBadge } from "./state-badge.tsx";
import { formatDuration, Since, When } from "./time.tsx";
import { Table } from "./table.tsx";

export function RunTable({ runs }: { runs: readonly FlowRun[] }) {
  if (runs.length === 0) return <p class="none">No runs.</p>;
  return (
    <Table heads={["run", "state", "began", "took", "pool", "worker"]}>
      {runs.map((run) => (
        <tr key={run.id}>
          <td>
            <a href={`/runs/flow-run/${run.id}`}>{run.name}</a>
          </td>
          <td>
            <StateBadge type={run.state_type} name={run.state_name} />
          </td>
          <td>
            <When at={run.start_time ?? run.expected_start_time} />
          </td>
          <td>
            <Took run={run} />
          </td>
          <td>
            {run.work_pool_name !== null && (
              <a href={`/work-pools/work-pool/${encodeURIComponent(run.work_pool_name)}`}>
                {run.work_pool_name}
              </a>
            )}
          </td>
          <td>{workerOf(run)}</td>
        </tr>
      ))}
    </Table>
  );
}

export function Took({ run }: { run: FlowRun }) {
  if (run.state_type === "RUNNING" && run.start_time !== null) return <Since at={run.start_time} />;
  return run.total_run_time > 0 ? <>{formatDuration(run.total_run_time)}</> : <>–</>;
}

export function workerOf({ labels }: FlowRun): string {
  const name = labels["prefect.worker.name"];
  return typeof name === "string" ? name : "";
}
