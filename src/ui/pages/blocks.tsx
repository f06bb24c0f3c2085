/** Blocks, to be read: they are made by the command line and by code. Their secrets never come here. */
import type { BlockDocument } from "../../contract/wire/blocks.ts";
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

export function Blocks() {
  usePageTitle("Blocks");
  const [{ search, page }, set] = useUrlQuery(["search", "page"]);
  const pages = numberPages(PAGE, page, set);
  const found = useLatest<BlockDocument[]>({
    method: "POST",
    path: "/block_documents/filter",
    body: {
      block_documents: {
        is_anonymous: { eq_: false },
        ...(search !== "" && { name: { like_: search } }),
      },
      sort: "BLOCK_TYPE_AND_NAME_ASC",
      ...pages.window,
    },
  });
  if (found.value === undefined) return <Loading query={found} />;
  const shown = pages.cut(found.value);
  return (
    <>
      <div class="title">
        <h1>Blocks</h1>
        <SearchField value={search} onSearch={(text) => set({ search: text, page: "" })} />
        <a href="/blocks/catalog">Their types</a>
      </div>
      {shown.length > 0 ? (
        <Table rows={shown} columns={COLUMNS} keyOf={({ id }) => id} />
      ) : search !== "" || pages.number > 1 ? (
        <p class="none">Nothing is found.</p>
      ) : (
        <Empty command="sluice block create secret/api-token value=-">
          There is none yet. A secret is made by:
        </Empty>
      )}
      <Pager of="blocks" {...pages.turns(found.value)} />
    </>
  );
}

const COLUMNS: readonly Column<BlockDocument>[] = [
  { header: "block", cell: ({ id, name }) => <a href={`/blocks/block/${id}`}>{name ?? id}</a> },
  { header: "type", value: ({ block_type, block_type_name }) => block_type?.name ?? block_type_name },
  { header: "fields", class: "wraps", value: ({ data }) => Object.keys(data).join(", ") },
  { header: "changed", cell: ({ updated }) => <When at={updated} /> },
];
