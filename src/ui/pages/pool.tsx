/** One work pool: its queues, its workers and the runs that are under way or wait. */
import { useRoute } from "preact-iso";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { WorkPool, WorkQueue } from "../../contract/wire/work-pools.ts";
import { useQuery } from "../data/query.ts";
import { usePoolWorkers } from "../data/workers.ts";
import { LastActs } from "../parts/acts.tsx";
import { Loading } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { Pause } from "../parts/pause.tsx";
import { QueueTable } from "../parts/queue-table.tsx";
import { PoolStatus } from "../parts/status.tsx";
import { RunTable } from "../parts/run-table.tsx";
import { SetRunLimit } from "../parts/set-run-limit.tsx";
import { WhyFirst } from "../parts/why.tsx";
import { WorkerTable } from "../parts/worker-table.tsx";

const RUNS_SHOWN = 20;

export function Pool() {
  const { params } = useRoute();
  const name = params["name"] ?? "";
  usePageTitle(name);
  const path = `/work_pools/${encodeURIComponent(name)}`;
  const pool = useQuery<WorkPool>({ method: "GET", path });
  const { value: queues = [] } = useQuery<WorkQueue[]>({
    method: "POST",
    path: `${path}/queues/filter`,
    body: {},
  });
  const { workers = [], areAll, isCut } = usePoolWorkers(name);
  const runs = (types: string[], sort: string) => ({
    method: "POST" as const,
    path: "/flow_runs/filter",
    body: {
      flow_runs: { state: { type: { any_: types } } },
      work_pools: { name: { any_: [name] } },
      sort,
      limit: RUNS_SHOWN,
    },
  });
  const { value: active = [] } = useQuery<FlowRun[]>(
    runs(["PENDING", "RUNNING", "CANCELLING"], "EXPECTED_START_TIME_DESC"),
  );
  const { value: waiting = [] } = useQuery<FlowRun[]>(runs(["SCHEDULED"], "EXPECTED_START_TIME_ASC"));
  if (pool.value === undefined) return <Loading query={pool} />;
  const { is_paused, concurrency_limit, status } = pool.value;
  return (
    <>
      <div class="title">
        <h1>{name}</h1>
        <PoolStatus status={status} />
        <div class="buttons">
          <SetRunLimit of={name} path={path} current={concurrency_limit} pool={name} />
          <Pause name={name} path={path} isPaused={is_paused} pool={name} />
        </div>
      </div>
      <h2>Queues</h2>
      <QueueTable path={path} pool={name} queues={queues} />
      <h2>Workers</h2>
      {workers.length === 0 ? (
        <p class="none">
          None yet; <code>sluice worker start --pool {name}</code> starts one.
        </p>
      ) : (
        <WorkerTable pool={name} workers={workers} areAll={areAll} />
      )}
      {isCut && <p class="none">The first {workers.length} workers by name; there are more.</p>}
      <h2>Under way{concurrency_limit !== null && `, at most ${concurrency_limit}`}</h2>
      <RunTable runs={active} areMixed />
      <h2>Waiting</h2>
      <WhyFirst runs={waiting} />
      <RunTable runs={waiting} areMixed />
      <LastActs ids={[pool.value.id, ...queues.map(({ id }) => id)]} />
    </>
  );
}
