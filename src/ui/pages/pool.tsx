/** One work pool: its queues, its workers and the runs that are under way or wait. */
import { useRoute } from "preact-iso";
import { writeCommand } from "../../contract/commands.ts";
import type { Worker, WorkPool, WorkQueue } from "../../contract/wire/work-pools.ts";
import { useQuery } from "../data/query.ts";
import { useWhole } from "../data/whole.ts";
import { askForWorkers } from "../data/workers.ts";
import { LastActs } from "../parts/acts.tsx";
import { Loading, LoadingPart } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { Command } from "../parts/command.tsx";
import { PoolRuns } from "../parts/pool-runs.tsx";
import { Pause } from "../parts/pause.tsx";
import { QueueTable } from "../parts/queue-table.tsx";
import { PoolStatus } from "../parts/status.tsx";
import { SetRunLimit } from "../parts/set-run-limit.tsx";
import { WorkerTable } from "../parts/worker-table.tsx";

export function Pool() {
  const { params } = useRoute();
  const name = params["name"] ?? "";
  usePageTitle(name);
  const path = `/work_pools/${encodeURIComponent(name)}`;
  const pool = useQuery<WorkPool>({ method: "GET", path });
  const queues = useWhole<WorkQueue>({ method: "POST", path: `${path}/queues/filter`, body: {} });
  const { items: listed } = queues;
  const all = useWhole<Worker>(askForWorkers(name));
  const { items: workers, areAll, isCut } = all;
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
      {listed === undefined ? (
        <LoadingPart query={queues.first} />
      ) : (
        <QueueTable path={path} pool={name} queues={listed} />
      )}
      {queues.isCut && <p class="none">There are more queues.</p>}
      <h2>Workers</h2>
      {workers === undefined ? (
        <LoadingPart query={all.first} />
      ) : workers.length === 0 ? (
        <>
          <p class="none">None yet. This starts one:</p>
          <Command text={writeCommand("worker", "start", "--pool", name)} />
        </>
      ) : (
        <WorkerTable pool={name} workers={workers} areAll={areAll} />
      )}
      {isCut && <p class="none">The first {workers?.length} workers by name; there are more.</p>}
      <PoolRuns pool={name} limit={concurrency_limit} />
      <LastActs ids={[pool.value.id, ...(listed ?? []).map(({ id }) => id)]} />
    </>
  );
}
