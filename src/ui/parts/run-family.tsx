/** The run that started this one, and those that it started. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { TaskRun } from "../../contract/wire/task-runs.ts";
import { useQuery } from "../data/query.ts";
import { RunLink } from "./links.tsx";
import { Unanswered } from "./loading.tsx";
import { RunTable } from "./run-table.tsx";

const SHOWN = 50;

/** The run of which this one is a part. */
export function Parent({ taskRunId }: { taskRunId: string }) {
  const task = useQuery<TaskRun>({ method: "GET", path: `/task_runs/${taskRunId}` });
  const id = task.value?.flow_run_id ?? null;
  const parent = useQuery<FlowRun>(id === null ? null : { method: "GET", path: `/flow_runs/${id}` });
  if (parent.value === undefined) return <>…</>;
  return <RunLink run={parent.value} />;
}

export function Children({ id }: { id: string }) {
  const found = useQuery<FlowRun[]>({
    method: "POST",
    path: "/flow_runs/filter",
    body: {
      flow_runs: { parent_flow_run_id: { any_: [id] } },
      sort: "EXPECTED_START_TIME_ASC",
      limit: SHOWN,
    },
  });
  if (found.value === undefined) return <Unanswered title="Runs that it started" query={found} />;
  const runs = found.value;
  if (runs.length === 0) return null;
  return (
    <>
      <h2>Runs that it started</h2>
      <RunTable runs={runs} areMixed />
    </>
  );
}
