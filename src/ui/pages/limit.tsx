/** One limit: who holds it, the whole line, and what can be done about it. */
import { useRoute } from "preact-iso";
import { useState } from "preact/hooks";
import type { LeaseRecord, Limit as LimitRecord, WaiterRecord } from "../../contract/wire/limits.ts";
import { act } from "../data/act.ts";
import { countAdmitted } from "../data/preview.ts";
import { useQuery } from "../data/query.ts";
import { useRunNames } from "../data/run-names.ts";
import { Ask, AskChange } from "../parts/ask.tsx";
import { LastActs } from "../parts/acts.tsx";
import { Loading } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { REASONS } from "../parts/slot-row.tsx";
import { runOf, Who } from "../parts/who.tsx";
import { formatDuration, Since, When } from "../parts/time.tsx";
import { Timeline } from "../parts/timeline.tsx";
import { Table } from "../parts/table.tsx";

export function Limit() {
  const { params } = useRoute();
  // Links of Prefect's have its id in place of its name.
  const given = params["name"] ?? "";
  const path = `/v2/concurrency_limits/${encodeURIComponent(given)}`;
  const limit = useQuery<LimitRecord>({ method: "GET", path });
  const { value: holders = [] } = useQuery<LeaseRecord[]>({ method: "GET", path: `${path}/holders` });
  const { value: waiters = [] } = useQuery<WaiterRecord[]>({ method: "GET", path: `${path}/waiters` });
  const name = limit.value?.name ?? given;
  usePageTitle(name);
  const names = useRunNames([...holders, ...waiters].map(runOf).filter((id) => id !== undefined));
  if (limit.value === undefined) return <Loading query={limit} />;
  const { active, active_slots, limit: size, waiting, slot_decay_per_second: decay } = limit.value;
  return (
    <>
      <div class="title">
        <h1>{name}</h1>
        <p class="totals">
          <b>{Math.round(active_slots * 10) / 10}</b> of {size} slots held, <b>{waiting}</b> waiting
          {decay > 0 && `, ${decay} slots come back each second`}
          {!active && ", disabled: everybody is let through"}
        </p>
        <div class="buttons">
          <Resize path={path} limit={limit.value} waiters={waiters} />
          <AskChange
            verb={active ? "Disable" : "Enable"}
            name={name}
            path={path}
            body={{ active: !active }}
            isDangerous={active}
          >
            <p>
              {active
                ? `All ${waiting} who wait are let through at once, and so is everybody who comes, until it is enabled again.`
                : `From then on ${size} slots are given out, and the rest stand in line.`}
            </p>
          </AskChange>
        </div>
      </div>
      <Timeline limit={limit.value} />
      <h2>Holders</h2>
      {holders.length === 0 ? (
        <p class="none">Nobody holds a slot.</p>
      ) : (
        <Table heads={["who", "slots", "held for", "ends, unless renewed", null]}>
          {holders.map((lease) => (
            <tr key={lease.lease_id}>
              <td>
                <Who about={lease} names={names} />
                {lease.is_reservation && <span class="tag">reserved</span>}
              </td>
              <td>{lease.slot_names?.join(", ") ?? lease.slots}</td>
              <td>
                <Since at={lease.acquired_at} />
              </td>
              <td>
                <When at={lease.expires_at} />
              </td>
              <td>
                <ForceRelease lease={lease} names={names} />
              </td>
            </tr>
          ))}
        </Table>
      )}
      <h2>Line</h2>
      {waiters.length === 0 ? (
        <p class="none">Nobody waits.</p>
      ) : (
        <Table heads={["place", "who", "slots", "waits for", "why", "about", null]}>
          {waiters.map((waiter) => (
            <tr key={waiter.waiter_id} class={waiter.is_present ? "" : "absent"}>
              <td>{waiter.position}</td>
              <td>
                <Who about={waiter} names={names} />
              </td>
              <td>{waiter.slots}</td>
              <td>
                <Since at={waiter.arrived_at} />
              </td>
              <td>
                {REASONS[waiter.reason]}
                {!waiter.is_present && ", not heard of just now"}
              </td>
              <td>
                {waiter.estimated_seconds === null
                  ? "–"
                  : `${formatDuration(waiter.estimated_seconds)} to go`}
              </td>
              <td>
                {waiter.position > 1 && (
                  <button type="button" onClick={() => void moveToFront(path, waiter, waiters)}>
                    To the front
                  </button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
      <LastActs ids={[limit.value.id]} />
    </>
  );
}

function moveToFront(path: string, waiter: WaiterRecord, waiters: readonly WaiterRecord[]): Promise<boolean> {
  const priority = Math.max(-1000, Math.min(...waiters.map((other) => other.priority)) - 1);
  const request = {
    method: "PATCH",
    path: `${path}/waiters/${encodeURIComponent(waiter.waiter_id)}`,
    body: { priority },
  } as const;
  return act(request, "It stands at the front of the line now.");
}

function Resize({
  path,
  limit,
  waiters,
}: {
  path: string;
  limit: LimitRecord;
  waiters: readonly WaiterRecord[];
}) {
  const [size, setSize] = useState(limit.limit);
  const over = Math.max(0, limit.active_slots - size);
  const admitted = countAdmitted(size - limit.active_slots, waiters);
  return (
    <Ask
      label="Resize"
      title={`Resize ${limit.name}`}
      confirm={`Set it to ${size}`}
      onConfirm={() =>
        act({ method: "PATCH", path, body: { limit: size } }, `${limit.name} has ${size} slots now.`)
      }
    >
      <label>
        Slots{" "}
        <input
          type="number"
          min={0}
          value={size}
          onInput={({ currentTarget }) => setSize(Math.max(0, Math.floor(currentTarget.valueAsNumber || 0)))}
        />
      </label>
      <p class="preview">
        {over > 0
          ? `${over} would be over the limit until they end; nobody else gets a slot before.`
          : admitted > 0
            ? `It would admit ${admitted} who wait now.`
            : "Nobody who waits would get a slot at once."}
      </p>
    </Ask>
  );
}

function ForceRelease({ lease, names }: { lease: LeaseRecord; names: ReadonlyMap<string, string> }) {
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
