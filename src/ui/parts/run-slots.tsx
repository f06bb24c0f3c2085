/** The slots of limits that a run waits for, holds and has held. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { useRunLeases, type RunLease } from "../data/run-leases.ts";
import { Table, type Column } from "./table.tsx";
import { formatDuration, Since, When } from "./time.tsx";

export function RunSlots({ run }: { run: FlowRun }) {
  const leases = useRunLeases(run);
  if (leases.length === 0) return null;
  return (
    <>
      <h2>Slots</h2>
      <Table rows={leases} columns={COLUMNS} keyOf={({ key }) => key} areAll />
    </>
  );
}

/** The colours of the states that are most like them. */
const BADGES: Record<RunLease["status"], string> = { waits: "pending", holds: "running", held: "cancelled" };

function HowLong({ lease: { since, until } }: { lease: RunLease }) {
  if (until === null) return <Since at={since} />;
  return <>{formatDuration((Date.parse(until) - Date.parse(since)) / 1000)}</>;
}

const COLUMNS: readonly Column<RunLease>[] = [
  {
    header: "limit",
    value: ({ limit }) => limit,
    cell: ({ limit }) => <a href={`/limits/${encodeURIComponent(limit)}`}>{limit}</a>,
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
