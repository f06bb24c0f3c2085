/** One flow: its deployments and its runs. */
import { useRoute } from "preact-iso";
import type { Deployment, Flow as FlowRecord } from "../../contract/wire/deployments.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { useQuery } from "../data/query.ts";
import { pathOfRuns } from "../data/run-list.ts";
import { DeploymentTable } from "../parts/deployment-table.tsx";
import { Facts } from "../parts/facts.tsx";
import { Loading, LoadingPart } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { RunTable } from "../parts/run-table.tsx";
import { Tags } from "../parts/tags.tsx";
import { When } from "../parts/time.tsx";

const DEPLOYMENTS_SHOWN = 50;
const RUNS_SHOWN = 20;

export function Flow() {
  const { params } = useRoute();
  const id = params["id"] ?? "";
  const found = useQuery<FlowRecord>({ method: "GET", path: `/flows/${id}` });
  const flow = found.value;
  usePageTitle(flow?.name ?? "Flow");
  const flows = { id: { any_: [id] } };
  const deployments = useQuery<Deployment[]>({
    method: "POST",
    path: "/deployments/filter",
    body: { flows, limit: DEPLOYMENTS_SHOWN },
  });
  const runs = useQuery<FlowRun[]>({
    method: "POST",
    path: "/flow_runs/filter",
    body: {
      flows,
      flow_runs: { state: { type: { not_any_: ["SCHEDULED"] } } },
      sort: "EXPECTED_START_TIME_DESC",
      limit: RUNS_SHOWN,
    },
  });
  if (flow === undefined) return <Loading query={found} />;
  return (
    <>
      <div class="title">
        <h1>{flow.name}</h1>
      </div>
      <Facts
        facts={[
          ["Tags", flow.tags.length > 0 && <Tags tags={flow.tags} href="/flows" />],
          ["Made", <When key="made" at={flow.created} />],
          ["Id", <code key="id">{id}</code>],
        ]}
      />
      <h2>Deployments</h2>
      {deployments.value === undefined ? (
        <LoadingPart query={deployments} />
      ) : deployments.value.length > 0 ? (
        <DeploymentTable deployments={deployments.value} />
      ) : (
        <p class="none">It has none; it was run without.</p>
      )}
      <div class="title">
        <h2>Runs</h2>
        <a href={pathOfRuns({ flow: id, when: "any" })}>All of them, with those to come</a>
      </div>
      {runs.value === undefined ? <LoadingPart query={runs} /> : <RunTable runs={runs.value} areMixed />}
    </>
  );
}
