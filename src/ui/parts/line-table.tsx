/** Who stands in line for slots of a limit; each can be moved to the front. */
import type { WaiterRecord } from "../../contract/wire/limits.ts";
import { act } from "../data/act.ts";
import { timeLeft } from "../data/time-left.ts";
import { Dialog, useAskedRow, type AskedRow } from "./ask.tsx";
import { Table } from "./table.tsx";
import { formatDuration, Since, useNow } from "./time.tsx";
import { describeWho, listWho, sayOthers, Who, type Names } from "./who.tsx";

const WHY: Record<WaiterRecord["reason"], string> = {
  full: "No slot is free for it: more slots would help, or one taken away.",
  behind_others: "Those before it go first.",
  disabled: "The limit is disabled.",
  offered: "A slot is offered to it, and it has not taken it yet.",
  other_limit: "It wants another limit as well, which has no slot for it.",
};

interface Props {
  /** Of the limit in the API. */
  path: string;
  waiters: readonly WaiterRecord[];
  /** The first of all who wait. */
  front: readonly WaiterRecord[];
  names: Names;
  /** Whether the waiters are those from the front on. */
  isFirst: boolean;
}

export function LineTable({ waiters, isFirst, ...rest }: Props) {
  const { front, names } = rest;
  // Whom somebody else has moved stands on another page.
  const [asked, ask] = useAskedRow([...front, ...waiters], ({ waiter_id }) => waiter_id);
  return (
    <>
      {waiters.length === 0 ? (
        <p class="none">Nobody waits{!isFirst && " so far behind"}.</p>
      ) : (
        <Table
          rows={waiters}
          keyOf={({ waiter_id }) => waiter_id}
          classOf={({ is_present }) => (is_present ? "" : "absent")}
          areAll
          columns={[
            { header: "place", value: ({ position }) => position },
            {
              header: "who",
              value: (waiter) => describeWho(waiter, names),
              cell: (waiter) => (
                <div class="lines" title={describeWho(waiter, names)}>
                  <Who about={waiter} names={names} />
                </div>
              ),
            },
            { header: "slots", value: ({ slots }) => slots },
            {
              header: "waits for",
              value: ({ arrived_at }) => -Date.parse(arrived_at),
              cell: ({ arrived_at }) => <Since at={arrived_at} />,
            },
            {
              header: "why",
              class: "wraps",
              value: ({ reason }) => reason,
              cell: ({ reason, is_present }) => (
                <>
                  {WHY[reason]}
                  {!is_present && " It was not heard of just now."} <code>{reason}</code>
                </>
              ),
            },
            {
              header: "about",
              value: ({ estimated_seconds }) => estimated_seconds,
              cell: (waiter) => <ToGo waiter={waiter} />,
            },
            {
              header: null,
              cell: (waiter) =>
                waiter.position > 1 && (
                  <button type="button" onClick={() => ask(waiter)}>
                    To the front
                  </button>
                ),
            },
          ]}
        />
      )}
      {asked !== undefined && <ToFront key={asked.row.waiter_id} {...asked} {...rest} />}
    </>
  );
}

function ToGo({ waiter }: { waiter: WaiterRecord }) {
  const left = timeLeft(waiter, useNow());
  return <>{left === undefined ? "–" : `${formatDuration(left)} to go`}</>;
}

function ToFront({
  row: waiter,
  isGone,
  onClose,
  path,
  front,
  names,
}: AskedRow<WaiterRecord> & Omit<Props, "waiters" | "isFirst">) {
  const passed = waiter.position - 1;
  const who = describeWho(waiter, names);
  return (
    <Dialog
      title={`Let ${who} go first?`}
      confirm="To the front"
      over={
        isGone
          ? "It does not stand here any more."
          : passed === 0
            ? "It stands at the front by now."
            : undefined
      }
      onClose={onClose}
      onConfirm={() =>
        act(
          {
            method: "PATCH",
            path: `${path}/waiters/${encodeURIComponent(waiter.waiter_id)}`,
            body: { to_front: true },
          },
          waiter.is_present
            ? `${who} stands at the front of the line now.`
            : `${who} goes first once it is heard of again.`,
        )
      }
    >
      <p class="preview">
        It gets {waiter.slots === 1 ? "the next free slot" : `the next ${waiter.slots} free slots`}, before{" "}
        {listWho(front.slice(0, passed), names, passed)}, who {passed === 1 ? "waits" : "wait"} longer
        {sayOthers([waiter], names)}.
        {!waiter.is_present && " It was not heard of just now: until it is, those who are there go first."}
      </p>
    </Dialog>
  );
}
