/** Work pools: who is ready to work, and who is not. */
import type { Worker, WorkPool } from "../../contract/wire/work-pools.ts";
import { useQueries } from "../data/query.ts";
import { useWhole, type Whole } from "../data/whole.ts";
import { useWorkersOf } from "../data/workers.ts";
import { PoolLink } from "../parts/links.tsx";
import { Loading } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { PoolStatus } from "../parts/status.tsx";
import { Table, type Column } from "../parts/table.tsx";

export function Pools() {
  usePageTitle("Work pools");
  const pools = useWhole<WorkPool>({ method: "POST", path: "/work_pools/filter", body: {} });
  const { items: listed } = pools;
  const workers = useWorkersOf(listed ?? []);
  const running = useRunning(listed ?? []);
  if (listed === undefined) return <Loading query={pools.first} />;
  return (
    <>
      <div class="title">
        <h1>Work pools</h1>
      </div>
      {listed.length === 0 ? (
        <p class="none">
          There is none yet; <code>sluice work-pool create ml-pool --type process</code> makes one.
        </p>
      ) : (
        <Table
          rows={listed.map((pool, index) => describe(pool, workers[index], running.get(pool.id)))}
          columns={COLUMNS}
          keyOf={({ id }) => id}
          areAll={pools.areAll}
        />
      )}
      {pools.isCut && <p class="none">These are the first {listed.length}; there are more.</p>}
    </>
  );
}

/** How many runs are under way in each pool, by its id, as far as that is known. */
function useRunning(pools: readonly WorkPool[]): ReadonlyMap<string, number | undefined> {
  // Workers of Prefect's do not say what they run, so a pool that counts no slots is asked.
  const uncounted = pools.filter(({ active_slots }) => active_slots === null);
  const answers = useQueries<{ active_slots: number }>(
    uncounted.map(({ name }) => ({
      method: "POST",
      path: `/work_pools/${encodeURIComponent(name)}/concurrency_status`,
      body: { flow_run_limit: 0 },
    })),
  );
  const asked = uncounted.map(({ id }, index) => [id, answers[index]?.value?.active_slots] as const);
  return new Map([
    ...pools.map(({ id, active_slots }) => [id, active_slots ?? undefined] as const),
    ...asked,
  ]);
}

interface Described extends WorkPool {
  online: number;
  workers: number;
  /** Undefined until it is known. */
  running: number | undefined;
  /** There are more workers than were counted. */
  isCut: boolean;
  /** Whether all those are known that are counted. */
  isCounted: boolean;
}

function describe(
  pool: WorkPool,
  { items: workers = [], isCut = false, areAll = false }: Partial<Whole<Worker>> = {},
  running: number | undefined,
): Described {
  return {
    ...pool,
    isCut,
    isCounted: areAll || isCut,
    workers: workers.length,
    online: workers.filter(({ status }) => status === "ONLINE").length,
    running,
  };
}

const COLUMNS: readonly Column<Described>[] = [
  { header: "pool", value: ({ name }) => name, cell: ({ name }) => <PoolLink name={name} /> },
  { header: "status", value: ({ status }) => status, cell: ({ status }) => <PoolStatus status={status} /> },
  { header: "type", value: ({ type }) => type },
  {
    header: "running",
    value: ({ running }) => running,
    cell: ({ running = "…", concurrency_limit: limit }) =>
      limit === null ? running : `${running} of ${limit}`,
  },
  {
    header: "workers online",
    value: ({ online }) => online,
    cell: ({ online, workers, isCut, isCounted }) =>
      isCounted ? `${online} of ${workers}${isCut ? " or more" : ""}` : "…",
  },
];
