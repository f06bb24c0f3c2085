/** Variables, to be read: they are set by the command line and by code. */
import { useRoute } from "preact-iso";
import type { Variable } from "../../contract/wire/logs.ts";
import { numberPages } from "../data/numbered-pages.ts";
import { useLatest } from "../data/query.ts";
import { useUrlQuery } from "../data/url-query.ts";
import { Empty } from "../parts/empty.tsx";
import { Loading } from "../parts/loading.tsx";
import { Pager } from "../parts/pager.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { SearchField } from "../parts/search-field.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { When } from "../parts/time.tsx";

const PAGE = 50;
const VALUE_CHARACTERS_MAX = 300;

export function Variables() {
  usePageTitle("Variables");
  const { params } = useRoute();
  const [{ search: typed, page }, set] = useUrlQuery(["search", "page"]);
  // A link to one of them is a search for its name.
  const search = typed === "" ? (params["name"] ?? "") : typed;
  const pages = numberPages(PAGE, page, set);
  const found = useLatest<Variable[]>({
    method: "POST",
    path: "/variables/filter",
    body: {
      ...(search !== "" && { variables: { name: { like_: search } } }),
      ...pages.window,
    },
  });
  if (found.value === undefined) return <Loading query={found} />;
  const shown = pages.cut(found.value);
  return (
    <>
      <div class="title">
        <h1>Variables</h1>
        <SearchField value={search} onSearch={(text) => set({ search: text, page: "" })} />
      </div>
      {shown.length > 0 ? (
        <Table rows={shown} columns={COLUMNS} keyOf={({ id }) => id} />
      ) : search !== "" || pages.number > 1 ? (
        <p class="none">Nothing is found.</p>
      ) : (
        <Empty command="sluice variable set threshold 0.5">There is none yet. One is set by:</Empty>
      )}
      <Pager of="variables" {...pages.turns(found.value)} />
    </>
  );
}

const COLUMNS: readonly Column<Variable>[] = [
  { header: "variable", cell: ({ name }) => <code>{name}</code> },
  { header: "value", class: "wraps", cell: ({ value }) => <code>{cut(JSON.stringify(value))}</code> },
  { header: "tags", value: ({ tags }) => tags.join(", ") },
  { header: "changed", cell: ({ updated }) => <When at={updated} /> },
];

function cut(text: string): string {
  return text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX)} …` : text;
}
