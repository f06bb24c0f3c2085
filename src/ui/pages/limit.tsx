/** One limit: who holds it, the whole line, and what can be done about it. */
import { useRoute } from "preact-iso";
import { PAGE_MAX, SLOTS_MAX, WAITERS_PREVIEWED_MAX } from "../../contract/bounds.ts";
import type {
  LeaseRecord,
  Limit as LimitRecord,
  PreviewedLimit,
  WaiterRecord,
} from "../../contract/wire/limits.ts";
import { beginSentence, countOf } from "../data/preview.ts";
import { useDeploymentNames } from "../data/deployment-names.ts";
import { deploymentOfLimit, nameLimit } from "../data/limit-names.ts";
import { numberPages } from "../data/numbered-pages.ts";
import { useLatest, useQuery } from "../data/query.ts";
import { useUrlQuery } from "../data/url-query.ts";
import { useRunNames } from "../data/run-names.ts";
import { AskChange } from "../parts/ask.tsx";
import { LastActs } from "../parts/acts.tsx";
import { HolderTable } from "../parts/holder-table.tsx";
import { Unforeseen } from "../parts/change-preview.tsx";
import { useLimitPreview } from "../parts/limit-preview.tsx";
import { LineTable } from "../parts/line-table.tsx";
import { Loading, LoadingPart } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { Pager } from "../parts/pager.tsx";
import { SetSlotNames } from "../parts/set-slot-names.tsx";
import { SetSize } from "../parts/set-size.tsx";
import { Timeline } from "../parts/timeline.tsx";
import { runOf } from "../parts/who.tsx";

/** With the one that tells whether there are more it is as many as one answer has. */
const LINE_PAGE = PAGE_MAX - 1;

export function Limit() {
  const { params } = useRoute();
  // Links of Prefect's have its id in place of its name.
  const given = params["name"] ?? "";
  const path = `/v2/concurrency_limits/${encodeURIComponent(given)}`;
  const limit = useQuery<LimitRecord>({ method: "GET", path });
  const [{ line, holders: after }, set] = useUrlQuery(["line", "holders"]);
  const pages = numberPages(LINE_PAGE, line, ({ page }, isStep) => set({ line: page }, isStep));
  const holders = useLatest<LeaseRecord[]>({
    method: "GET",
    path: `${path}/holders?after_fence=${Number(after) || 0}&limit=${PAGE_MAX}`,
  });
  const waitersFrom = (offset: number) => `${path}/waiters?offset=${offset}&limit=${pages.window.limit}`;
  // Before whom somebody is moved stands at the front, whatever part of the line is shown.
  const { value: front = [] } = useQuery<WaiterRecord[]>({ method: "GET", path: waitersFrom(0) });
  const found = useLatest<WaiterRecord[]>({ method: "GET", path: waitersFrom(pages.window.offset) });
  const held = holders.value ?? [];
  const waiters = pages.cut(found.value ?? []);
  const name = limit.value?.name ?? given;
  const deployment = deploymentOfLimit(name);
  const deployments = useDeploymentNames([deployment]);
  usePageTitle(nameLimit(name, deployments));
  const names = useRunNames([...held, ...front, ...waiters].map(runOf).filter((id) => id !== undefined));
  if (limit.value === undefined) return <Loading query={limit} />;
  const record = limit.value;
  const { active, active_slots, limit: size, waiting, slot_decay_per_second: decay } = record;
  return (
    <>
      <div class="title">
        <h1>{nameLimit(name, deployments)}</h1>
        {deployment !== null && <a href={`/deployments/deployment/${deployment}`}>To the deployment</a>}
        <p class="totals">
          <b>{Math.round(active_slots * 10) / 10}</b> of {size} slots held, <b>{waiting}</b> waiting
          {decay > 0 && `, ${decay} slots come back each second`}
          {!active && ", disabled: everybody is let through"}
        </p>
        <div class="buttons">
          {record.slot_names === null ? (
            <SetSize
              label="Resize"
              title={`Resize ${name}`}
              of={name}
              unit="Slots"
              current={size}
              max={SLOTS_MAX}
              path={path}
              field="limit"
              preview={(wanted) => <Resized path={path} change={{ limit: wanted }} decay={decay} />}
            />
          ) : (
            <SetSlotNames
              of={name}
              path={path}
              current={record.slot_names}
              preview={(wanted) => (
                <Resized
                  path={path}
                  change={{ limit: wanted.length, slot_names: [...wanted] }}
                  decay={decay}
                />
              )}
            />
          )}
          <AskChange
            name={name}
            isOn={active}
            changeFrom={(isOn) => ({
              verb: isOn ? "Disable" : "Enable",
              request: { method: "PATCH", path, body: { active: !isOn } },
              isDangerous: isOn,
              children: (
                <p>
                  {isOn
                    ? `Until it is enabled again everybody who comes is let through at once. ${waiting === 0 ? "Nobody waits now." : `So ${waiting === 1 ? "is the one who waits" : `are the ${waiting} who wait`} now.`}`
                    : `From then on ${size} slots are given out, and the rest stand in line.`}
                </p>
              ),
            })}
          />
        </div>
      </div>
      <Timeline limit={record} />
      <h2>Holders</h2>
      {holders.value === undefined ? (
        <LoadingPart query={holders} />
      ) : (
        <HolderTable limit={record} holders={held} path={path} names={names} />
      )}
      <Pager
        of="holders"
        words={["To the first", "More"]}
        onNewer={after === "" ? undefined : () => set({ holders: "" })}
        onOlder={
          held.length < PAGE_MAX ? undefined : () => set({ holders: String(held.at(-1)?.fence) }, true)
        }
      />
      <h2>Line</h2>
      {found.value === undefined ? (
        <LoadingPart query={found} />
      ) : (
        <LineTable path={path} waiters={waiters} front={front} names={names} isFirst={pages.number === 1} />
      )}
      <Pager of="the line" {...pages.turns(found.value ?? [])} />
      <LastActs ids={[record.id]} />
    </>
  );
}

/** What so changed a limit would do for its line and its holders. */
function Resized({ path, change, decay }: { path: string; change: PreviewedLimit; decay: number }) {
  const answer = useLimitPreview(path, change);
  const preview = answer.value;
  if (preview === undefined) return <Unforeseen query={answer} />;
  const { admits, admits_with_others, has_more, refuses, over } = preview;
  const refusal =
    refuses > 0 &&
    ` ${preview.sayRefused} ${refuses === 1 ? "asks" : "ask"} for more than that and ${refuses === 1 ? "is" : "are"} refused.`;
  if (over > 0)
    return (
      <>
        {beginSentence(countOf(over, "slot"))} would be over the limit until{" "}
        {decay > 0 ? "so much has come back" : over > 1 ? "they end" : "it ends"}; nobody else gets a slot
        before.
        {refusal}
      </>
    );
  if (admits === 0)
    return (
      <>
        {has_more
          ? `The first ${WAITERS_PREVIEWED_MAX} who wait were not heard of just now; who is there behind them would get slots.`
          : "Nobody who waits would get a slot at once."}
        {refusal}
      </>
    );
  return (
    <>
      It would admit {admits_with_others > 0 && "up to "}
      {admits}
      {has_more && " or more"} who {admits === 1 ? "waits" : "wait"} now: {preview.sayAdmitted}.{refusal}
    </>
  );
}
