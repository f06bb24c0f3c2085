/** Runs: the latest first, filtered by what people look for; all of it is in the URL. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { useLatest } from "../data/query.ts";
import {
  askForNext,
  askForRuns,
  findNextPage,
  PAGE,
  pathOfRuns,
  RUN_FILTERS,
  RUN_LIST_NAMES,
  type RunListQuery,
} from "../data/run-list.ts";
import { useSettled } from "../data/settled.ts";
import { useUrlQuery } from "../data/url-query.ts";
import { Empty } from "../parts/empty.tsx";
import { Loading } from "../parts/loading.tsx";
import { Pager } from "../parts/pager.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { RunFilters } from "../parts/run-filters.tsx";
import { RunTable } from "../parts/run-table.tsx";
import { useNow, When } from "../parts/time.tsx";

const FIRST = { start: "", seen: "" };

export function Runs() {
  usePageTitle("Runs");
  const [query, set] = useUrlQuery(RUN_LIST_NAMES);
  const settled = JSON.parse(useSettled(JSON.stringify(query))) as RunListQuery;
  const now = useNow();
  const runs = useLatest<FlowRun[]>(askForRuns(settled, now));
  const askedForNext = askForNext(settled, now);
  const later = useLatest<FlowRun[]>(askedForNext);
  const [coming] = later.value ?? [];
  const shown = runs.value?.slice(0, PAGE) ?? [];
  const isFiltered = RUN_FILTERS.some((name) => settled[name] !== "");
  const next = (runs.value?.length ?? 0) > PAGE ? findNextPage(shown, settled) : undefined;
  return (
    <>
      <div class="title">
        <h1>Runs</h1>
      </div>
      <RunFilters query={query} onChange={(change) => set({ ...FIRST, ...change })} />
      {coming !== undefined && settled.when === "" && (
        <p>
          <a href={pathOfRuns({ ...settled, when: "next" })}>Runs to come</a>: the next is due{" "}
          <When at={coming.expected_start_time} />.
        </p>
      )}
      {runs.value === undefined ? (
        <Loading query={runs} />
      ) : shown.length > 0 ? (
        <RunTable runs={shown} areMixed />
      ) : !isFiltered && askedForNext !== null && later.value === undefined ? (
        // There may be some, though none is due yet.
        <Loading query={later} />
      ) : isFiltered || settled.start !== "" || coming !== undefined ? (
        <p class="none">No run is like that{settled.when === "" && " until now"}.</p>
      ) : (
        <Empty command="sluice deployment run FLOW/DEPLOYMENT">
          There is no run yet. Run a <a href="/deployments">deployment</a> here, or type:
        </Empty>
      )}
      <Pager
        of="runs"
        words={["To the first", "More"]}
        onNewer={query.start === "" ? undefined : () => set(FIRST, true)}
        onOlder={next && (() => set(next, true))}
      />
    </>
  );
}
