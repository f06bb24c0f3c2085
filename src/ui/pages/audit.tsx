/** Audit: what people did, the latest first. */
import { useLocation } from "preact-iso";
import type { AuditEntry } from "../../contract/wire/audit.ts";
import { useQuery } from "../data/query.ts";
import { ActTable } from "../parts/acts.tsx";
import { Loading } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";

const PAGE = 50;
const FILTERS = [
  { field: "act", label: "Act" },
  { field: "target", label: "On" },
  { field: "actor", label: "Who" },
] as const;

export function Audit() {
  usePageTitle("Audit");
  const { query, route } = useLocation();
  const { act = "", target = "", actor = "", before_seq = "" } = query;
  const kept = { act, target, actor };
  const goTo = (change: Record<string, string>, isNewPlace = false): void => {
    const wanted = Object.entries({ ...kept, ...change }).filter(([, value]) => value !== "");
    route(`/audit?${new URLSearchParams(wanted).toString()}`, !isNewPlace);
  };
  const asked = Object.entries({ ...kept, before_seq }).filter(([, value]) => value !== "");
  const search = new URLSearchParams([...asked, ["limit", String(PAGE + 1)]]).toString();
  const acts = useQuery<AuditEntry[]>({ method: "GET", path: `/audit?${search}` });
  const shown = acts.value?.slice(0, PAGE) ?? [];
  return (
    <>
      <div class="title">
        <h1>Audit</h1>
        <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
          {FILTERS.map(({ field, label }) => (
            <label key={field}>
              {label}{" "}
              <input
                type="search"
                value={kept[field]}
                onChange={({ currentTarget }) => goTo({ [field]: currentTarget.value.trim() })}
              />
            </label>
          ))}
        </form>
      </div>
      {acts.value === undefined ? (
        <Loading query={acts} />
      ) : shown.length === 0 ? (
        <p class="none">No acts.</p>
      ) : (
        <ActTable acts={shown} />
      )}
      <nav class="pager" aria-label="Pages of acts">
        {before_seq !== "" && (
          <button type="button" onClick={() => goTo({})}>
            Latest
          </button>
        )}
        {(acts.value?.length ?? 0) > PAGE && (
          <button type="button" onClick={() => goTo({ before_seq: String(shown.at(-1)?.seq) }, true)}>
            Older
          </button>
        )}
      </nav>
    </>
  );
}
