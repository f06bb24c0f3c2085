/** The slots of limits that a run waits for, holds and has held. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { useDeploymentNames } from "../data/deployment-names.ts";
import { deploymentOfLimit, nameLimit } from "../data/limit-names.ts";
import { pathOfLimit } from "../data/page-paths.ts";
import { useRunLeases, type RunLease } from "../data/run-leases.ts";
import { LoadingPart } from "./loading.tsx";
import { Table, type Column } from "./table.tsx";
import { formatDuration, Since, When } from "./time.tsx";

export function RunSlots({ run }: { run: FlowRun }) {
  const { leases, fault } = useRunLeases(run);
  const deployments = useDeploymentNames(leases.map(({ limit }) => deploymentOfLimit(limit)));
  if (leases.length === 0 && fault === undefined) return null;
  return (
    <>
      <h2>Slots</h2>
      {leases.length > 0 && (
        <Table rows={leases} columns={listColumns(deployments)} keyOf={({ key }) => key} areAll />
      )}
      {fault !== undefined && <LoadingPart query={fault} />}
    </>
  );
}

/** The colours of the states that are most like them. */
const BADGES: Record<RunLease["status"], string> = { waits: "pending", holds: "running", held: "cancelled" };

function HowLong({ lease: { since, until } }: { lease: RunLease }) {
  if (until === null) return <Since at={since} />;
  return <>{formatDuration((Date.parse(until) - Date.parse(since)) / 1000)}</>;
}

const listColumns = (deployments: ReadonlyMap<string, string>): Column<RunLease>[] => [
  {
    header: "limit",
    value: ({ limit }) => nameLimit(limit, deployments),
    cell: ({ limit }) => <a href={pathOfLimit(limit)}>{nameLimit(limit, deployments)}</a>,
  },
  {
    header: "status",
    value: ({ status }) => status,
    cell: ({ status }) => <span class={`badge ${BADGES[status]}`}>{status}</span>,
  },
  { header: "slots", value: ({ slots }) => slots },
  {
    header: "waited",
    value: ({ waited_seconds }) => waited_seconds,
    cell: ({ waited_seconds }) => (waited_seconds === null ? "–" : formatDuration(waited_seconds)),
  },
  { header: "since", value: ({ since }) => since, cell: ({ since }) => <When at={since} /> },
  { header: "for", cell: (lease) => <HowLong lease={lease} /> },
];
