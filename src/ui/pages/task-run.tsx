/** One task run: what became of it, its logs, what it left, and its states. */
import { useRoute } from "preact-iso";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { TaskRun as TaskRunRecord } from "../../contract/wire/task-runs.ts";
import { isEnded } from "../data/ended.ts";
import { useQuery } from "../data/query.ts";
import { ArtifactList } from "../parts/artifact-list.tsx";
import { Facts } from "../parts/facts.tsx";
import { LastWords } from "../parts/last-words.tsx";
import { RunLink } from "../parts/links.tsx";
import { Loading } from "../parts/loading.tsx";
import { Logs } from "../parts/logs.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { Took } from "../parts/run-table.tsx";
import { StateBadge } from "../parts/state-badge.tsx";
import { States } from "../parts/states.tsx";
import { When } from "../parts/time.tsx";
import { Why } from "../parts/why.tsx";

export function TaskRun() {
  const { params } = useRoute();
  const id = params["id"] ?? "";
  const found = useQuery<TaskRunRecord>({ method: "GET", path: `/task_runs/${id}` });
  const task = found.value;
  usePageTitle(task?.name ?? "Task run");
  const runId = task?.flow_run_id ?? null;
  const run = useQuery<FlowRun>(runId === null ? null : { method: "GET", path: `/flow_runs/${runId}` });
  if (task === undefined) return <Loading query={found} />;
  const child = task.state?.state_details.child_flow_run_id;
  return (
    <>
      <div class="title">
        <h1>{task.name}</h1>
        <StateBadge type={task.state_type} name={task.state_name} />
      </div>
      <LastWords run={task} />
      {runId !== null && !isEnded(task) && <Why id={runId} />}
      <Facts
        facts={[
          ["Part of", run.value !== undefined && <RunLink run={run.value} />],
          ["Is the run", typeof child === "string" && <a href={`/runs/flow-run/${child}`}>{child}</a>],
          ["Began", <When key="began" at={task.start_time} />],
          ["Took", <Took key="took" run={task} />],
          ["Tries", task.run_count],
          ["Task", <code key="task">{task.task_key}</code>],
          ["Tags", task.tags.join(", ")],
          ["Cache key", task.cache_key !== null && <code>{task.cache_key}</code>],
          ["Id", <code key="id">{id}</code>],
        ]}
      />
      <Logs key={id} flowRunId={runId} taskRunId={id} />
      <ArtifactList
        filter={{ task_run_id: { any_: [id] }, ...(runId !== null && { flow_run_id: { any_: [runId] } }) }}
      />
      <States path={`/task_run_states/?task_run_id=${id}`} />
    </>
  );
}
