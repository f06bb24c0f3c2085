/** One work queue: who is served first, and what waits in it. */
import { useRoute } from "preact-iso";
import type { WorkQueue } from "../../contract/wire/work-pools.ts";
import { useQuery } from "../data/query.ts";
import { LastActs } from "../parts/acts.tsx";
import { Facts } from "../parts/facts.tsx";
import { PoolLink } from "../parts/links.tsx";
import { Loading } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { PoolRuns } from "../parts/pool-runs.tsx";
import { Pause } from "../parts/pause.tsx";
import { SetRunLimit } from "../parts/set-run-limit.tsx";
import { PoolStatus } from "../parts/status.tsx";
import { When } from "../parts/time.tsx";

/** By its pool and its name, or by its id. */
export function Queue() {
  const { params } = useRoute();
  const { pool = "", name = "", id } = params;
  const path =
    id === undefined
      ? `/work_pools/${encodeURIComponent(pool)}/queues/${encodeURIComponent(name)}`
      : `/work_queues/${id}`;
  const found = useQuery<WorkQueue>({ method: "GET", path });
  usePageTitle(found.value?.name ?? "Queue");
  if (found.value === undefined) return <Loading query={found} />;
  return <QueuePage queue={found.value} />;
}

function QueuePage({ queue }: { queue: WorkQueue }) {
  const { id, name, work_pool_name: pool, is_paused, priority, active_slots, concurrency_limit } = queue;
  const pool_path = `/work_pools/${encodeURIComponent(pool)}`;
  const queue_path = `${pool_path}/queues/${encodeURIComponent(name)}`;
  return (
    <>
      <div class="title">
        <h1>{name}</h1>
        <PoolStatus status={queue.status} />
        <div class="buttons">
          <SetRunLimit of={name} path={queue_path} current={concurrency_limit} pool={pool} queue_id={id} />
          <Pause name={name} path={queue_path} isPaused={is_paused} pool={pool} queue_id={id} />
        </div>
      </div>
      <Facts
        facts={[
          ["Pool", <PoolLink key="pool" name={pool} />],
          ["Priority", `${priority}; 1 goes first`],
          ["Running", concurrency_limit !== null && `${active_slots ?? 0} of ${concurrency_limit}`],
          ["Asked", <When key="asked" at={queue.last_polled} />],
          ["Says", queue.description],
          ["Id", <code key="id">{id}</code>],
        ]}
      />
      <PoolRuns pool={pool} queue={{ id, name }} limit={concurrency_limit} />
      <LastActs ids={[id]} />
    </>
  );
}
