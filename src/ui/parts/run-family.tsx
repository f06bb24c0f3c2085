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
  // Both may be gone, which is no fault.
  const tasks = useQuery<TaskRun[]>({
    method: "POST",
    path: "/task_runs/filter",
    body: { task_runs: { id: { any_: [taskRunId] } } },
  });
  const id = tasks.value?.[0]?.flow_run_id ?? null;
  const runs = useQuery<FlowRun[]>(
    id === null
      ? null
      : { method: "POST", path: "/flow_runs/filter", body: { flow_runs: { id: { any_: [id] } } } },
  );
  const parent = runs.value?.[0];
  if (parent !== undefined) return <RunLink run={parent} />;
  const isGone = tasks.value?.length === 0 || runs.value?.length === 0;
  return <>{isGone ? "a run that was deleted" : "…"}</>;
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
