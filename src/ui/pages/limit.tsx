/** One limit: who holds it, the whole line, and what can be done about it. */
import { useRoute } from "preact-iso";
import type { LeaseRecord, Limit as LimitRecord, WaiterRecord } from "../../contract/wire/limits.ts";
import { countOf, listAdmitted } from "../data/preview.ts";
import { useQuery } from "../data/query.ts";
import { useRunNames } from "../data/run-names.ts";
import { AskChange } from "../parts/ask.tsx";
import { LastActs } from "../parts/acts.tsx";
import { HolderTable } from "../parts/holder-table.tsx";
import { LineTable } from "../parts/line-table.tsx";
import { Loading } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { SetSize } from "../parts/set-size.tsx";
import { Timeline } from "../parts/timeline.tsx";
import { listWho, runOf, type Names } from "../parts/who.tsx";

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
  const record = limit.value;
  const { active, active_slots, limit: size, waiting, slot_decay_per_second: decay } = record;
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
          <SetSize
            label="Resize"
            title={`Resize ${name}`}
            of={name}
            unit="Slots"
            current={size}
            path={path}
            field="limit"
            preview={(wanted) => (
              <Resized size={wanted ?? 0} limit={record} waiters={waiters} names={names} />
            )}
          />
          <AskChange
            verb={active ? "Disable" : "Enable"}
            name={name}
            path={path}
            body={{ active: !active }}
            isDangerous={active}
          >
            <p>
              {active
                ? `Until it is enabled again everybody who comes is let through at once. ${waiting === 0 ? "Nobody waits now." : `So ${waiting === 1 ? "is the one who waits" : `are the ${waiting} who wait`} now.`}`
                : `From then on ${size} slots are given out, and the rest stand in line.`}
            </p>
          </AskChange>
        </div>
      </div>
      <Timeline limit={record} />
      <h2>Holders</h2>
      {holders.length === 0 ? (
        <p class="none">Nobody holds a slot.</p>
      ) : (
        <HolderTable limit={record} holders={holders} waiters={waiters} names={names} />
      )}
      <h2>Line</h2>
      {waiters.length === 0 ? (
        <p class="none">Nobody waits.</p>
      ) : (
        <LineTable path={path} waiters={waiters} names={names} />
      )}
      <LastActs ids={[record.id]} />
    </>
  );
}

/** What a limit would do for its line and its holders with so many slots. */
function Resized({
  size,
  limit: { active_slots },
  waiters,
  names,
}: {
  size: number;
  limit: LimitRecord;
  waiters: readonly WaiterRecord[];
  names: Names;
}) {
  const over = active_slots - size;
  if (over > 0)
    return (
      <>
        {countOf(Math.ceil(over), "slot")} would be over the limit until {over > 1 ? "they end" : "it ends"};
        nobody else gets a slot before.
      </>
    );
  const admitted = listAdmitted(-over, waiters);
  if (admitted.length === 0) return <>Nobody who waits would get a slot at once.</>;
  return (
    <>
      It would admit {admitted.length} who {admitted.length === 1 ? "waits" : "wait"} now:{" "}
      {listWho(admitted, names)}.
    </>
  );
}
