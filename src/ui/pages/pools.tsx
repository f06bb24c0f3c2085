/** Work pools: who is ready to work, and who is not. */
import type { WorkPool } from "../../contract/wire/work-pools.ts";
import { useQuery } from "../data/query.ts";
import { useWorkers } from "../data/workers.ts";
import { Loading } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { PoolStatus } from "../parts/status.tsx";
import { Table } from "../parts/table.tsx";

export function Pools() {
  usePageTitle("Work pools");
  const pools = useQuery<WorkPool[]>({ method: "POST", path: "/work_pools/filter", body: {} });
  const workers = useWorkers(pools.value ?? []);
  if (pools.value === undefined) return <Loading query={pools} />;
  return (
    <>
      <div class="title">
        <h1>Work pools</h1>
      </div>
      {pools.value.length === 0 ? (
        <p class="none">
          There is none yet; <code>sluice work-pool create ml-pool --type process</code> makes one.
        </p>
      ) : (
        <Table heads={["pool", "status", "type", "running", "workers online"]}>
          {pools.value.map((pool) => {
            const mine = workers.filter(({ work_pool_id }) => work_pool_id === pool.id);
            const running = mine.reduce((sum, { running: count = 0 }) => sum + count, 0);
            return (
              <tr key={pool.id}>
                <td>
                  <a href={`/work-pools/work-pool/${encodeURIComponent(pool.name)}`}>{pool.name}</a>
                </td>
                <td>
                  <PoolStatus status={pool.status} />
                </td>
                <td>{pool.type}</td>
                <td>
                  {pool.active_slots ?? running}
                  {pool.concurrency_limit !== null && ` of ${pool.concurrency_limit}`}
                </td>
                <td>
                  {mine.filter(({ status }) => status === "ONLINE").length} of {mine.length}
                </td>
              </tr>
            );
          })}
        </Table>
      )}
    </>
  );
}
