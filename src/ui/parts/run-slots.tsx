/** The slots of limits that a run waits for, holds and has held. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { useRunLeases, type RunLease } from "../data/run-leases.ts";
import { Table } from "./table.tsx";
import { formatDuration, Since, When } from "./time.tsx";

export function RunSlots({ run }: { run: FlowRun }) {
  const leases = useRunLeases(run);
  if (leases.length === 0) return null;
  return (
    <>
      <h2>Slots</h2>
      <Table heads={["limit", "status", "slots", "waited", "since", "for"]}>
        {leases.map((lease) => (
          <tr key={lease.key}>
            <td>
              <a href={`/limits/${encodeURIComponent(lease.limit)}`}>{lease.limit}</a>
            </td>
            <td>
              <span class={`badge ${BADGES[lease.status]}`}>{lease.status}</span>
            </td>
            <td>{lease.slots}</td>
            <td>{lease.waited_seconds === null ? "–" : formatDuration(lease.waited_seconds)}</td>
            <td>
              <When at={lease.since} />
            </td>
            <td>
              <HowLong lease={lease} />
            </td>
          </tr>
        ))}
      </Table>
    </>
  );
}

/** The colours of the states that are most like them. */
const BADGES: Record<RunLease["status"], string> = { waits: "pending", holds: "running", held: "cancelled" };

function HowLong({ lease: { since, until } }: { lease: RunLease }) {
  if (until === null) return <Since at={since} />;
  return <>{formatDuration((Date.parse(until) - Date.parse(since)) / 1000)}</>;
}
