/** Home: the machines, their slots, who holds them and who stands in line behind. */
import { Server } from "lucide-preact";
import type { LimitOverview } from "../../contract/wire/limits.ts";
import type { Worker, WorkPool } from "../../contract/wire/work-pools.ts";
import { useDeploymentNames } from "../data/deployment-names.ts";
import { deploymentOfLimit } from "../data/limit-names.ts";
import { groupByMachine, type Machine } from "../data/machines.ts";
import { useQuery } from "../data/query.ts";
import { useUrlQuery } from "../data/url-query.ts";
import { useRunNames } from "../data/run-names.ts";
import { FirstSteps } from "../parts/first-steps.tsx";
import { Loading } from "../parts/loading.tsx";
import { SearchField } from "../parts/search-field.tsx";
import { formatLoad, Status } from "../parts/status.tsx";
import { SlotRow } from "../parts/slot-row.tsx";
import { runOf } from "../parts/who.tsx";
import { useWorkers } from "../data/workers.ts";
import { When } from "../parts/time.tsx";
import { usePageTitle } from "../parts/page-title.ts";

export function Home() {
  usePageTitle("Machines");
  const limits = useQuery<LimitOverview[]>({
    method: "POST",
    path: "/v2/concurrency_limits/overview",
    body: {},
  });
  const pools = useQuery<WorkPool[]>({ method: "POST", path: "/work_pools/filter", body: {} });
  const { workers } = useWorkers(pools.value ?? []);
  const [{ find: search }, set] = useUrlQuery(["find"]);
  const isFound = ({ name }: LimitOverview) => name.toLowerCase().includes(search.toLowerCase());
  const shown = (limits.value ?? []).filter(isFound);
  const names = useRunNames(
    shown
      .flatMap(({ holders, waiters }) => [...holders, ...waiters].map(runOf))
      .filter((id) => id !== undefined),
  );
  const deployments = useDeploymentNames(shown.map(({ name }) => deploymentOfLimit(name)));
  if (limits.value === undefined) return <Loading query={limits} />;
  const machines = groupByMachine(shown, workers);
  return (
    <>
      <div class="title">
        <h1>Machines</h1>
        {limits.value.length > 8 && <SearchField value={search} onSearch={(find) => set({ find })} />}
        <Totals limits={limits.value} />
      </div>
      {machines.map((machine) => (
        <MachineSection key={machine.name} machine={machine} names={names} deployments={deployments} />
      ))}
      {limits.value.length > 0 && shown.length === 0 && (
        <p class="none">No limit has “{search}” in its name.</p>
      )}
      <FirstSteps limits={limits.value} pools={pools.value ?? []} workers={workers} />
    </>
  );
}

function Totals({ limits }: { limits: readonly LimitOverview[] }) {
  const sum = (of: (limit: LimitOverview) => number): number =>
    limits.reduce((total, limit) => total + of(limit), 0);
  if (limits.length === 0) return null;
  return (
    <p class="totals">
      <b>{Math.round(sum(({ active_slots }) => active_slots))}</b> of {sum(({ limit }) => limit)} slots held,{" "}
      <b>{sum(({ waiting }) => waiting)}</b> waiting
    </p>
  );
}

function MachineSection({
  machine: { name, worker, limits },
  ...known
}: {
  machine: Machine;
  names: ReadonlyMap<string, string>;
  deployments: ReadonlyMap<string, string>;
}) {
  return (
    <section class="machine" aria-label={name}>
      <h2>
        <Server aria-hidden="true" /> {name}
        {worker !== undefined && <WorkerState worker={worker} />}
      </h2>
      <ul class="limits">
        {limits.map((limit) => (
          <SlotRow key={limit.id} limit={limit} {...known} />
        ))}
      </ul>
    </section>
  );
}

function WorkerState({ worker }: { worker: Worker }) {
  const isOnline = worker.status === "ONLINE";
  return (
    <Status isGood={isOnline}>
      {isOnline ? (
        "online"
      ) : (
        <>
          offline, seen <When at={worker.last_heartbeat_time} />
        </>
      )}
      {worker.running !== undefined && `, ${formatLoad(worker)} runs`}
    </Status>
  );
}
