/** One worker of a pool: what it has, and what it does just now. */
import { useRoute } from "preact-iso";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { Worker as WorkerRecord } from "../../contract/wire/work-pools.ts";
import { isUuid } from "../../contract/ids.ts";
import { useQuery } from "../data/query.ts";
import { pathOfRuns } from "../data/run-list.ts";
import { askForWorkers } from "../data/workers.ts";
import { Facts } from "../parts/facts.tsx";
import { PoolLink } from "../parts/links.tsx";
import { Loading, LoadingPart } from "../parts/loading.tsx";
import { Missing } from "../parts/missing.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { RunTable } from "../parts/run-table.tsx";
import { formatLoad, Status } from "../parts/status.tsx";
import { When } from "../parts/time.tsx";

const RUNS_MAX = 200;

export function Worker() {
  const { params } = useRoute();
  const { pool = "", id = "" } = params;
  // Links have its id; people who type an address know its name.
  const byName = useQuery<WorkerRecord[]>(askForWorkers(pool, { name: { any_: [id] } }));
  const byId = useQuery<WorkerRecord[]>(isUuid(id) ? askForWorkers(pool, { id: { any_: [id] } }) : null);
  const worker = byId.value?.[0] ?? byName.value?.[0];
  usePageTitle(worker?.name ?? "Worker");
  const active = useQuery<FlowRun[]>(
    worker === undefined
      ? null
      : {
          method: "POST",
          path: "/flow_runs/filter",
          body: {
            flow_runs: {
              state: { type: { any_: ["PENDING", "RUNNING", "CANCELLING"] } },
              worker_name: { any_: [worker.name] },
            },
            work_pools: { name: { any_: [pool] } },
            sort: "EXPECTED_START_TIME_DESC",
            limit: RUNS_MAX,
          },
        },
  );
  if (byName.value === undefined) return <Loading query={byName} />;
  // What only looks like an id is refused.
  if (isUuid(id) && byId.value === undefined && byId.error?.status !== 422) return <Loading query={byId} />;
  if (worker === undefined)
    return (
      <Missing what="There is no such worker">
        <p>
          It has not been heard of for long, or never was. Go to its pool <PoolLink name={pool} />
        </p>
      </Missing>
    );
  const { name, status, labels = {}, gpus = [] } = worker;
  return (
    <>
      <div class="title">
        <h1>{name}</h1>
        <Status isGood={status === "ONLINE"}>{status.toLowerCase()}</Status>
      </div>
      <Facts
        facts={[
          ["Pool", <PoolLink key="pool" name={pool} />],
          ["Runs", formatLoad(worker)],
          ["Seen", <When key="seen" at={worker.last_heartbeat_time} />],
          ["GPUs", gpus.map((gpu) => `${gpu.name}, ${gpu.memory_mib} MiB (${gpu.id})`).join("; ")],
          ...Object.entries(labels),
          ["Id", <code key="id">{worker.id}</code>],
        ]}
      />
      <h2>Under way</h2>
      {active.value === undefined ? (
        <LoadingPart query={active} />
      ) : (
        <RunTable runs={active.value} areMixed />
      )}
      <p>
        <a href={pathOfRuns({ worker: name, pool })}>All runs that it has had</a>
      </p>
    </>
  );
}
