/** Artifacts: the newest one of each key. */
import type { ArtifactCollection } from "../../contract/wire/artifacts.ts";
import { numberPages } from "../data/numbered-pages.ts";
import { useLatest } from "../data/query.ts";
import { useRunNames } from "../data/run-names.ts";
import { useUrlQuery } from "../data/url-query.ts";
import { Empty } from "../parts/empty.tsx";
import { Loading } from "../parts/loading.tsx";
import { Pager } from "../parts/pager.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { SearchField } from "../parts/search-field.tsx";
import { Table } from "../parts/table.tsx";
import { When } from "../parts/time.tsx";

const PAGE = 50;

export function Artifacts() {
  usePageTitle("Artifacts");
  const [{ search, page }, set] = useUrlQuery(["search", "page"]);
  const pages = numberPages(PAGE, page, set);
  const found = useLatest<ArtifactCollection[]>({
    method: "POST",
    path: "/artifacts/latest/filter",
    body: {
      ...(search !== "" && { artifacts: { key: { like_: search } } }),
      sort: "UPDATED_DESC",
      ...pages.window,
    },
  });
  const shown = pages.cut(found.value ?? []);
  const runs = useRunNames(shown.map(({ flow_run_id }) => flow_run_id).filter((id) => id !== null));
  if (found.value === undefined) return <Loading query={found} />;
  return (
    <>
      <div class="title">
        <h1>Artifacts</h1>
        <SearchField value={search} onSearch={(text) => set({ search: text, page: "" })} />
      </div>
      {shown.length > 0 ? (
        <Table
          rows={shown}
          keyOf={({ key }) => key}
          columns={[
            {
              header: "key",
              cell: ({ key }) => <a href={`/artifacts/key/${encodeURIComponent(key)}`}>{key}</a>,
            },
            { header: "type", value: ({ type }) => type },
            { header: "changed", cell: ({ updated }) => <When at={updated} /> },
            {
              header: "run",
              cell: ({ flow_run_id: id }) =>
                id !== null && <a href={`/runs/flow-run/${id}`}>{runs.get(id) ?? id.slice(-12)}</a>,
            },
          ]}
        />
      ) : search !== "" || pages.number > 1 ? (
        <p class="none">Nothing is found.</p>
      ) : (
        <Empty>
          There is none yet. Flows leave them with <code>create_table_artifact</code>,{" "}
          <code>create_markdown_artifact</code> and their like, and a key.
        </Empty>
      )}
      <Pager of="artifacts" {...pages.turns(found.value)} />
    </>
  );
}
