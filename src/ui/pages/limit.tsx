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
import { HolderTable } from "../parts/holder-table.tsx";
import { LineTable } from "../parts/line-table.tsx";
import { Loading } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { Timeline } from "../parts/timeline.tsx";
import { runOf } from "../parts/who.tsx";

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
        <HolderTable holders={holders} names={names} />
      )}
      <h2>Line</h2>
      {waiters.length === 0 ? (
        <p class="none">Nobody waits.</p>
      ) : (
        <LineTable path={path} waiters={waiters} names={names} />
      )}
      <LastActs ids={[limit.value.id]} />
    </>
  );
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
