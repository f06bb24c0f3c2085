/** Runs: the latest first, filtered by what people look for. */
import { useLocation } from "preact-iso";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { useQuery } from "../data/query.ts";
import { Loading } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { RunTable } from "../parts/run-table.tsx";

const PAGE = 50;
const STATES = [
  "SCHEDULED",
  "PENDING",
  "RUNNING",
  "PAUSED",
  "CANCELLING",
  "COMPLETED",
  "FAILED",
  "CRASHED",
  "CANCELLED",
];

export function Runs() {
  usePageTitle("Runs");
  const { query, route } = useLocation();
  const page = Math.max(1, Number(query["page"] ?? 1) || 1);
  const { state = "", name = "", pool = "" } = query;
  const set = (change: Record<string, string>): void => {
    const wanted = Object.entries({ state, name, pool, ...change }).filter(([, value]) => value !== "");
    const next = new URLSearchParams(wanted);
    route(`/runs?${next.toString()}`, true);
  };
  const runs = useQuery<FlowRun[]>({
    method: "POST",
    path: "/flow_runs/filter",
    body: {
      flow_runs: {
        ...(state !== "" && { state: { type: { any_: [state] } } }),
        ...(name !== "" && { name: { like_: name } }),
      },
      ...(pool !== "" && { work_pools: { name: { any_: [pool] } } }),
      sort: "EXPECTED_START_TIME_DESC",
      limit: PAGE + 1,
      offset: (page - 1) * PAGE,
    },
  });
  return (
    <>
      <div class="title">
        <h1>Runs</h1>
        <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
          <label>
            State{" "}
            <select value={state} onChange={({ currentTarget }) => set({ state: currentTarget.value })}>
              <option value="">any</option>
              {STATES.map((type) => (
                <option key={type} value={type}>
                  {type.toLowerCase()}
                </option>
              ))}
            </select>
          </label>
          <label>
            Name{" "}
            <input
              type="search"
              value={name}
              onChange={({ currentTarget }) => set({ name: currentTarget.value })}
            />
          </label>
          <label>
            Pool{" "}
            <input
              type="search"
              value={pool}
              onChange={({ currentTarget }) => set({ pool: currentTarget.value })}
            />
          </label>
        </form>
      </div>
      {runs.value === undefined ? <Loading query={runs} /> : <RunTable runs={runs.value.slice(0, PAGE)} />}
      <nav class="pager" aria-label="Pages of runs">
        {page > 1 && (
          <button type="button" onClick={() => set({ page: String(page - 1) })}>
            Newer
          </button>
        )}
        {(runs.value?.length ?? 0) > PAGE && (
          <button type="button" onClick={() => set({ page: String(page + 1) })}>
            Older
          </button>
        )}
      </nav>
    </>
  );
}
