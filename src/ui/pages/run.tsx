/** One run: what it is, why it waits, its logs as they come, its tasks, what it left, what it holds, and its states. */
import { useRoute } from "preact-iso";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { useDeployment } from "../data/deployment.ts";
import { download } from "../data/download.ts";
import { isEnded } from "../data/ended.ts";
import { useFlowNames } from "../data/flow-names.ts";
import { isUnanswered, useQuery } from "../data/query.ts";
import { hideSecretParameters } from "../data/secret-values.ts";
import { LastActs } from "../parts/acts.tsx";
import { ArtifactList } from "../parts/artifact-list.tsx";
import { Facts } from "../parts/facts.tsx";
import { LastWords } from "../parts/last-words.tsx";
import { PoolLink, QueueLink, WorkerLink } from "../parts/links.tsx";
import { Loading } from "../parts/loading.tsx";
import { Logs } from "../parts/logs.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { RunActs } from "../parts/run-acts.tsx";
import { Children, Parent } from "../parts/run-family.tsx";
import { RunSlots } from "../parts/run-slots.tsx";
import { Took, workerOf } from "../parts/run-table.tsx";
import { StateBadge } from "../parts/state-badge.tsx";
import { States } from "../parts/states.tsx";
import { Tags } from "../parts/tags.tsx";
import { TaskTable } from "../parts/task-table.tsx";
import { Due, When } from "../parts/time.tsx";
import { Why } from "../parts/why.tsx";

export function Run() {
  const { params } = useRoute();
  const id = params["id"] ?? "";
  const found = useQuery<FlowRun>({ method: "GET", path: `/flow_runs/${id}` });
  const run = found.value;
  usePageTitle(run?.name ?? "Run");
  if (run === undefined) return <Loading query={found} />;
  const { name, state_type, state_name, parameters } = run;
  return (
    <>
      <div class="title">
        <h1>{name}</h1>
        <StateBadge type={state_type} name={state_name} />
        <RunActs run={run} />
      </div>
      {!isEnded(run) && <Why id={id} />}
      <LastWords run={run} />
      <RunFacts run={run} />
      <Logs
        key={id}
        flowRunId={id}
        onDownload={() => void download(`/flow_runs/${id}/logs/download`, `${name}-logs.csv`)}
      />
      <TaskTable key={`tasks-${id}`} flowRunId={id} />
      <Children id={id} />
      <ArtifactList key={`artifacts-${id}`} filter={{ flow_run_id: { any_: [id] } }} />
      <RunSlots run={run} />
      <States path={`/flow_run_states/?flow_run_id=${id}`} />
      <LastActs ids={[id]} />
      {Object.keys(parameters).length > 0 && <RunParameters run={run} />}
    </>
  );
}

/** Only its deployment's schema says what of them is secret: while that is not known, just their names are shown. */
function RunParameters({ run: { parameters, deployment_id } }: { run: FlowRun }) {
  const deployment = useDeployment(deployment_id);
  const isTold = deployment_id === null || (deployment.value !== undefined && deployment.value !== null);
  const shown = isTold
    ? hideSecretParameters(parameters, deployment.value?.parameter_openapi_schema ?? null)
    : Object.keys(parameters);
  return (
    <>
      <h2>Parameters</h2>
      {isUnanswered(deployment) && (
        <p class="none" role="alert">
          Its deployment, which says what of them is secret, could not be loaded
          {deployment.error.isPassing && ", and is asked for again"}: {deployment.error.message}
        </p>
      )}
      {deployment.value === null && (
        <p class="hint">Its deployment, which says what of them is secret, is gone: these are their names.</p>
      )}
      <pre tabIndex={0}>{JSON.stringify(shown, null, 2)}</pre>
    </>
  );
}

function RunFacts({ run }: { run: FlowRun }) {
  const { deployment_id, flow_id, work_pool_name, work_queue_name, tags, created_by, run_count } = run;
  const worker = workerOf(run);
  const flows = useFlowNames([flow_id]);
  const deployment = useDeployment(deployment_id);
  return (
    <Facts
      facts={[
        run.start_time === null
          ? [
              "Due",
              // What ended before it began is late no longer.
              isEnded(run) ? (
                <When key="due" at={run.expected_start_time} />
              ) : (
                <Due key="due" at={run.expected_start_time} />
              ),
            ]
          : ["Began", <When key="began" at={run.start_time} />],
        ["Took", <Took key="took" run={run} />],
        ["Tries", run_count > 1 && run_count],
        ["Flow", flows.has(flow_id) && <a href={`/flows/flow/${flow_id}`}>{flows.get(flow_id)}</a>],
        [
          "Deployment",
          deployment_id !== null && (
            <a href={`/deployments/deployment/${deployment_id}`}>
              {deployment.value?.name ?? deployment_id.slice(-12)}
            </a>
          ),
        ],
        [
          "Pool",
          work_pool_name !== null && (
            <>
              <PoolLink name={work_pool_name} />
              {work_queue_name !== null && (
                <>
                  {" / "}
                  <QueueLink pool={work_pool_name} name={work_queue_name} />
                </>
              )}
            </>
          ),
        ],
        [
          "Worker",
          work_pool_name === null || worker === "" ? (
            worker
          ) : (
            <WorkerLink pool={work_pool_name} name={worker} />
          ),
        ],
        ["Part of", run.parent_task_run_id !== null && <Parent taskRunId={run.parent_task_run_id} />],
        ["Made by", created_by?.display_value],
        ["Tags", tags.length > 0 && <Tags tags={tags} href="/runs" />],
        ["Id", <code key="id">{run.id}</code>],
      ]}
    />
  );
}
