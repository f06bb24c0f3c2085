/** One deployment: its schedules, what comes next, how it went, and what it takes. */
import { useRoute } from "preact-iso";
import type { Deployment as DeploymentRecord } from "../../contract/wire/deployments.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { useFlowNames } from "../data/flow-names.ts";
import { pathOfLimit } from "../data/page-paths.ts";
import { useQuery } from "../data/query.ts";
import { pathOfRuns } from "../data/run-list.ts";
import { LastActs } from "../parts/acts.tsx";
import { AskChange } from "../parts/ask.tsx";
import { DeploymentStatus, formatSlots } from "../parts/deployment-table.tsx";
import { Facts } from "../parts/facts.tsx";
import { PoolLink, QueueLink } from "../parts/links.tsx";
import { Loading, LoadingPart } from "../parts/loading.tsx";
import { Markdown } from "../parts/markdown.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { ParameterTable } from "../parts/parameter-table.tsx";
import { RunTable } from "../parts/run-table.tsx";
import { ScheduleTable } from "../parts/schedule-table.tsx";
import { Tags } from "../parts/tags.tsx";
import { When } from "../parts/time.tsx";

const RUNS_SHOWN = 10;

export function Deployment() {
  const { params } = useRoute();
  const id = params["id"] ?? "";
  const found = useQuery<DeploymentRecord>({ method: "GET", path: `/deployments/${id}` });
  const deployment = found.value;
  usePageTitle(deployment?.name ?? "Deployment");
  const flows = useFlowNames(deployment === undefined ? [] : [deployment.flow_id]);
  const runs = (state: object, sort: string) => ({
    method: "POST" as const,
    path: "/flow_runs/filter",
    body: { flow_runs: { deployment_id: { any_: [id] }, state: { type: state } }, sort, limit: RUNS_SHOWN },
  });
  const next = useQuery<FlowRun[]>(runs({ any_: ["SCHEDULED"] }, "NEXT_SCHEDULED_START_TIME_ASC"));
  const recent = useQuery<FlowRun[]>(runs({ not_any_: ["SCHEDULED"] }, "EXPECTED_START_TIME_DESC"));
  if (deployment === undefined) return <Loading query={found} />;
  const { name, flow_id, description, tags, global_concurrency_limit: limit } = deployment;
  return (
    <>
      <div class="title">
        <h1>
          <a href={`/flows/flow/${flow_id}`}>{flows.get(flow_id) ?? flow_id.slice(-12)}</a> / {name}
        </h1>
        <DeploymentStatus deployment={deployment} />
        <div class="buttons">
          <a class="button main" href={`/deployments/deployment/${id}/run`}>
            Run it
          </a>
          <Pause deployment={deployment} />
        </div>
      </div>
      {description !== null && description !== "" && <Markdown text={description} />}
      <Facts
        facts={[
          ["Pool", deployment.work_pool_name !== null && <PoolLink name={deployment.work_pool_name} />],
          [
            "Queue",
            deployment.work_pool_name !== null && deployment.work_queue_name !== null && (
              <QueueLink key="queue" pool={deployment.work_pool_name} name={deployment.work_queue_name} />
            ),
          ],
          [
            "At a time",
            limit !== null && <a href={pathOfLimit(limit.name)}>{formatSlots(deployment)} runs</a>,
          ],
          ["Tags", tags.length > 0 && <Tags tags={tags} href="/deployments" />],
          ["Entry point", deployment.entrypoint !== null && <code>{deployment.entrypoint}</code>],
          ["Path", deployment.path !== null && <code>{deployment.path}</code>],
          ["Version", deployment.version],
          ["Changed", <When key="changed" at={deployment.updated} />],
          ["Id", <code key="id">{id}</code>],
        ]}
      />
      <h2>Schedules</h2>
      <ScheduleTable deployment={deployment} />
      <h2>Next runs</h2>
      {next.value === undefined ? <LoadingPart query={next} /> : <RunTable runs={next.value} />}
      <div class="title">
        <h2>Recent runs</h2>
        <a href={pathOfRuns({ deployment: id })}>All of them</a>
      </div>
      {recent.value === undefined ? <LoadingPart query={recent} /> : <RunTable runs={recent.value} />}
      <h2>Parameters</h2>
      <ParameterTable deployment={deployment} />
      {Object.keys(deployment.job_variables).length > 0 && (
        <>
          <h2>Job variables</h2>
          <pre tabIndex={0}>{JSON.stringify(deployment.job_variables, null, 2)}</pre>
        </>
      )}
      <LastActs ids={[id]} />
    </>
  );
}

function Pause({ deployment: { id, name, paused, schedules } }: { deployment: DeploymentRecord }) {
  const active = schedules.filter((schedule) => schedule.active).length;
  return (
    <AskChange
      name={name}
      isOn={!paused}
      changeFrom={(isOn) => ({
        verb: isOn ? "Pause" : "Resume",
        request: {
          method: "POST",
          path: `/deployments/${id}/${isOn ? "pause" : "resume"}_deployment`,
          body: {},
        },
        children: (
          <p>
            {isOn
              ? "Its schedules make no runs, and those that they have made and that are still to come are taken away. What runs goes on to its end, and it can still be run by hand."
              : `Its schedules make runs again: ${active} of ${schedules.length} are active.`}
          </p>
        ),
      })}
    />
  );
}
