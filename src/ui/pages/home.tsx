/** Home: the machines, their slots, who holds them and who stands in line behind. */
import { Server } from "lucide-preact";
import type { LimitFamily, LimitOverview } from "../../contract/wire/limits.ts";
import type { Worker, WorkPool } from "../../contract/wire/work-pools.ts";
import { useDeploymentNames } from "../data/deployment-names.ts";
import { deploymentOfLimit } from "../data/limit-names.ts";
import { LIMITS_PAGE, useLimitCounts, useLimits, useNamedLimits, useOtherLimits } from "../data/limits.ts";
import { groupByMachine, type Machine } from "../data/machines.ts";
import { beginSentence, countOf } from "../data/preview.ts";
import { useSettled } from "../data/settled.ts";
import { useUrlQuery } from "../data/url-query.ts";
import { useRunNames } from "../data/run-names.ts";
import { FirstSteps } from "../parts/first-steps.tsx";
import { Loading } from "../parts/loading.tsx";
import { Pager } from "../parts/pager.tsx";
import { SearchField } from "../parts/search-field.tsx";
import { formatLoad, Status } from "../parts/status.tsx";
import { SlotRow } from "../parts/slot-row.tsx";
import { runOf } from "../parts/who.tsx";
import { useWhole } from "../data/whole.ts";
import { useWorkersOf } from "../data/workers.ts";
import { When } from "../parts/time.tsx";
import { usePageTitle } from "../parts/page-title.ts";

/** A family that folds is open by itself where it has no more. */
const FEW = 12;
/** As many as a list may have. */
const PAGES_MAX = 100;
/** Below so many limits nobody searches. */
const SEARCHED_FROM = 9;
const FAMILIES: readonly { family: LimitFamily; title: string; folds: boolean }[] = [
  { family: "machine", title: "Machines", folds: false },
  { family: "other", title: "Other limits", folds: false },
  { family: "deployment", title: "Deployments", folds: true },
  { family: "tag", title: "Tags of task runs", folds: true },
];

export function Home() {
  usePageTitle("Machines");
  const [{ find: typed, waiting, ...open }, set] = useUrlQuery([
    "find",
    "waiting",
    ...FAMILIES.map(({ family }) => family),
  ]);
  const find = useSettled(typed);
  const all = useLimitCounts("");
  const found = useLimitCounts(find);
  const { items: pools = [] } = useWhole<WorkPool>({ method: "POST", path: "/work_pools/filter", body: {} });
  const workers = useWorkersOf(pools).flatMap(({ items = [] }) => items);
  const families = FAMILIES.map(({ family, folds, ...rest }) => {
    const count = found.value?.[family] ?? 0;
    const isFew = found.value !== undefined && count <= FEW;
    const pages = readPages(open[family]) ?? (folds && !isFew ? 0 : 1);
    return { family, folds, ...rest, count, pages, ...useLimits(family, find, pages) };
  });
  const shown = families.flatMap(({ limits = [] }) => limits);
  const shownIds = new Set(shown.map(({ id }) => id));
  const others = useOtherLimits(families, find)?.filter(({ id }) => !shownIds.has(id));
  const waited = (others ?? []).filter(({ waiting }) => waiting > 0).map(({ name }) => name);
  const lines = useNamedLimits(waiting === "" ? [] : waited);
  const names = useRunNames(
    [...shown, ...lines]
      .flatMap(({ holders, waiters }) => [...holders, ...waiters].map(runOf))
      .filter((id) => id !== undefined),
  );
  const deployments = useDeploymentNames([...shown, ...lines].map(({ name }) => deploymentOfLimit(name)));
  const missing = families.find(({ limits }) => limits === undefined);
  if (all.value === undefined || found.value === undefined)
    return <Loading query={all.value === undefined ? all : found} />;
  if (missing !== undefined) return <Loading query={missing} />;
  const count = Object.values(all.value).reduce((sum, each) => sum + each, 0);
  const known = { names, deployments };
  return (
    <>
      <div class="title">
        <h1>Machines</h1>
        {(count >= SEARCHED_FROM || typed !== "") && (
          <SearchField value={typed} onSearch={(text) => set({ ...FOLDED, find: text })} />
        )}
        <Totals shown={shown} others={others ?? []} count={count} />
      </div>
      {waited.length > 0 && (
        <section class="machine" aria-label="Lines elsewhere">
          <h2>Lines elsewhere</h2>
          <p class="none">
            {beginSentence(countOf(waited.length, "limit"))} that {waited.length === 1 ? "is" : "are"} not
            shown below {waited.length === 1 ? "has" : "have"} somebody waiting.
            {lines.length > 0 && lines.length < waited.length && ` These are the first ${lines.length}.`}
          </p>
          {lines.length > 0 && <Limits limits={lines} {...known} />}
          <Pager
            of="lines elsewhere"
            words={["Fold", "Show"]}
            onNewer={waiting === "" ? undefined : () => set({ waiting: "" })}
            onOlder={waiting === "" ? () => set({ waiting: "shown" }) : undefined}
          />
        </section>
      )}
      {families.map(({ family, title, folds, count: its, pages, limits = [] }) => {
        if (its === 0 && limits.length === 0) return null;
        const pager = (
          <FamilyPager
            title={title}
            count={its}
            shown={limits.length}
            pages={pages}
            folds={folds && its > FEW}
            onTurn={(to) => set({ [family]: String(to) })}
          />
        );
        if (family !== "machine")
          return (
            <section key={family} class="machine" aria-label={title}>
              <h2>{title}</h2>
              {limits.length > 0 && <Limits limits={limits} {...known} />}
              {pager}
            </section>
          );
        return (
          <div key={family}>
            {groupByMachine(limits, workers).map((machine) => (
              <MachineSection key={machine.name} machine={machine} {...known} />
            ))}
            {pager}
          </div>
        );
      })}
      {count > 0 && shown.length === 0 && families.every(({ count: its }) => its === 0) && (
        <p class="none">No limit has “{find}” in its name.</p>
      )}
      {find === "" && <FirstSteps hasLimits={count > 0} pools={pools} workers={workers} />}
    </>
  );
}

/** Another text finds others, of which the first are shown. */
const FOLDED: Partial<Record<LimitFamily, string>> = { machine: "", other: "", deployment: "", tag: "" };

/** How many pages of a family are open; undefined where nobody has said so. */
function readPages(text: string): number | undefined {
  const pages = Math.floor(Number(text));
  return text === "" || !(pages >= 0) ? undefined : Math.min(pages, PAGES_MAX);
}

/** How much of a family is shown, where that is not all, and the way to more. */
function FamilyPager({
  title,
  count,
  shown,
  pages,
  folds,
  onTurn,
}: {
  title: string;
  count: number;
  shown: number;
  pages: number;
  folds: boolean;
  onTurn: (pages: number) => void;
}) {
  const isMore = count > pages * LIMITS_PAGE && pages < PAGES_MAX;
  return (
    <>
      {shown < count && (
        <p class="none">
          {shown === 0 ? `${count} limits` : `The first ${shown} of ${count} limits`}
          {pages === PAGES_MAX && "; the others are found by their names"}
        </p>
      )}
      <Pager
        of={title}
        words={["Fold", pages === 0 ? "Show" : "More"]}
        onNewer={folds && pages > 0 ? () => onTurn(0) : undefined}
        onOlder={isMore ? () => onTurn(pages + 1) : undefined}
      />
    </>
  );
}

/** `count`: of all limits there are. */
function Totals({
  shown,
  others,
  count,
}: {
  shown: readonly LimitOverview[];
  others: readonly LimitOverview[];
  count: number;
}) {
  const limits = [...shown, ...others];
  const sum = (of: (limit: LimitOverview) => number): number =>
    limits.reduce((total, limit) => total + of(limit), 0);
  if (limits.length === 0) return null;
  return (
    <p class="totals">
      <b>{Math.round(sum(({ active_slots }) => active_slots))}</b> of {sum(({ limit }) => limit)} slots held,{" "}
      <b>{sum(({ waiting }) => waiting)}</b> waiting
      {others.length > 0
        ? ` at ${limits.length < count ? `${limits.length} of ` : "all "}${count} limits; the ${others.length} that are not shown are asked once a minute`
        : limits.length < count && ` at the ${countOf(limits.length, "limit")} shown of ${count}`}
    </p>
  );
}

interface Known {
  names: ReadonlyMap<string, string>;
  deployments: ReadonlyMap<string, string>;
}

function Limits({ limits, ...known }: Known & { limits: readonly LimitOverview[] }) {
  return (
    <ul class="limits">
      {limits.map((limit) => (
        <SlotRow key={limit.id} limit={limit} {...known} />
      ))}
    </ul>
  );
}

function MachineSection({ machine: { name, worker, limits }, ...known }: Known & { machine: Machine }) {
  return (
    <section class="machine" aria-label={name}>
      <h2>
        <Server aria-hidden="true" /> {name}
        {worker !== undefined && <WorkerState worker={worker} />}
      </h2>
      <Limits limits={limits} {...known} />
    </section>
  );
}

function WorkerState({ worker }: { worker: Worker }) {
  const isOnline = worker.status === "ONLINE";
  return (
    <Status isGood={isOnline}>
      {isOnline ? (
        "online"
      ) : (
        <>
          offline, seen <When at={worker.last_heartbeat_time} />
        </>
      )}
      {worker.running !== undefined && `, ${formatLoad(worker)} runs`}
    </Status>
  );
}
