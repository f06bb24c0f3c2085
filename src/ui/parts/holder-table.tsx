/** Who holds slots of a limit; each can lose them. */
import type { LeaseRecord, Limit } from "../../contract/wire/limits.ts";
import { act } from "../data/act.ts";
import { Dialog, useAskedRow, type AskedRow } from "./ask.tsx";
import { Unforeseen } from "./change-preview.tsx";
import { useLimitPreview } from "./limit-preview.tsx";
import { Table } from "./table.tsx";
import { Since, When } from "./time.tsx";
import { describeWho, Who, type Names } from "./who.tsx";

interface Props {
  limit: Limit;
  holders: readonly LeaseRecord[];
  /** Of the limit in the API. */
  path: string;
  names: Names;
}

export function HolderTable({ holders, ...rest }: Props) {
  const { names } = rest;
  const [asked, ask] = useAskedRow(holders, ({ lease_id }) => lease_id);
  return (
    <>
      {holders.length === 0 ? (
        <p class="none">Nobody holds a slot.</p>
      ) : (
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
            {
              header: null,
              cell: (lease) => (
                <button type="button" onClick={() => ask(lease)}>
                  Take away
                </button>
              ),
            },
          ]}
        />
      )}
      {asked !== undefined && <ForceRelease key={asked.row.lease_id} {...asked} {...rest} />}
    </>
  );
}

function ForceRelease({
  row: lease,
  isGone,
  onClose,
  ...rest
}: AskedRow<LeaseRecord> & Omit<Props, "holders">) {
  const { names } = rest;
  return (
    <Dialog
      title="Take this slot away?"
      confirm="Take it away"
      isDangerous
      over={isGone ? "It is gone by now." : undefined}
      onClose={onClose}
      onConfirm={() =>
        act(
          { method: "POST", path: `/v2/concurrency_limits/leases/${lease.lease_id}/force_release`, body: {} },
          "The slot was taken away.",
        )
      }
    >
      <p>
        <Who about={lease} names={names} /> loses{" "}
        {lease.slots === 1 ? "its slot" : `its ${lease.slots} slots`} at once.{" "}
        <Next lease={lease} {...rest} />
      </p>
      <p>
        {lease.is_reservation
          ? "It is kept for an acquire over several limits, which ends with it and leaves the lines of the others."
          : "A holder of ours stops its work when it hears of that; another may go on without knowing. What it holds of other limits by the same acquire goes, too."}
      </p>
    </Dialog>
  );
}

/** Who gets what it loses. */
function Next({ lease, limit, path }: { lease: LeaseRecord } & Pick<Props, "limit" | "path">) {
  const answer = useLimitPreview(path, { force_release: lease.lease_id });
  const preview = answer.value;
  if (limit.waiting === 0) return <>Nobody waits for it.</>;
  if (preview === undefined) return <Unforeseen query={answer} />;
  const held = limit.active_slots - lease.slots;
  if (preview.over > 0)
    return (
      <>
        Nobody gets it: {held} of {limit.limit} slots are still held.
      </>
    );
  return (
    <>{preview.admits === 0 ? "Nobody who waits gets a slot by that." : `Next: ${preview.sayAdmitted}.`}</>
  );
}
