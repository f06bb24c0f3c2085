/** Who holds slots of a limit; each can lose them. */
import type { LeaseRecord } from "../../contract/wire/limits.ts";
import { act } from "../data/act.ts";
import { Ask } from "./ask.tsx";
import { Table } from "./table.tsx";
import { Since, When } from "./time.tsx";
import { describeWho, Who, type Names } from "./who.tsx";

export function HolderTable({ holders, names }: { holders: readonly LeaseRecord[]; names: Names }) {
  return (
    <Table
      rows={holders}
      keyOf={({ lease_id }) => lease_id}
      areAll
      columns={[
        {
          header: "who",
          value: (lease) => describeWho(lease, names),
          cell: (lease) => (
            <>
              <Who about={lease} names={names} />
              {lease.is_reservation && <span class="tag">reserved</span>}
            </>
          ),
        },
        { header: "slots", value: ({ slots, slot_names }) => slot_names?.join(", ") ?? slots },
        {
          header: "held for",
          value: ({ acquired_at }) => -Date.parse(acquired_at),
          cell: ({ acquired_at }) => <Since at={acquired_at} />,
        },
        {
          header: "ends, unless renewed",
          value: ({ expires_at }) => expires_at,
          cell: ({ expires_at }) => <When at={expires_at} />,
        },
        { header: null, cell: (lease) => <ForceRelease lease={lease} names={names} /> },
      ]}
    />
  );
}

function ForceRelease({ lease, names }: { lease: LeaseRecord; names: Names }) {
  return (
    <Ask
      label="Take away"
      title="Take this slot away?"
      confirm="Take it away"
      isDangerous
      onConfirm={() =>
        act(
          { method: "POST", path: `/v2/concurrency_limits/leases/${lease.lease_id}/force_release`, body: {} },
          "The slot was taken away.",
        )
      }
    >
      <p>
        <Who about={lease} names={names} /> loses{" "}
        {lease.slots === 1 ? "its slot" : `its ${lease.slots} slots`} at once, and the next in line gets it. A
        holder of ours stops its work when it hears of that; another may go on without knowing.
      </p>
    </Ask>
  );
}
