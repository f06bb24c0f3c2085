/** One block, without its secrets. */
import { useRoute } from "preact-iso";
import type { JsonValue } from "../../contract/wire/common.ts";
import type { BlockDocument } from "../../contract/wire/blocks.ts";
import { useQuery } from "../data/query.ts";
import { Command } from "../parts/command.tsx";
import { Facts } from "../parts/facts.tsx";
import { Loading } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { Table, type Column } from "../parts/table.tsx";
import { When } from "../parts/time.tsx";

export function Block() {
  const { params } = useRoute();
  const id = params["id"] ?? "";
  const found = useQuery<BlockDocument>({ method: "GET", path: `/block_documents/${id}` });
  const block = found.value;
  usePageTitle(block?.name ?? "Block");
  if (block === undefined) return <Loading query={found} />;
  const { name, block_type, data } = block;
  return (
    <>
      <div class="title">
        <h1>{name ?? "A block without a name"}</h1>
        {block_type !== null && <a href={`/blocks/catalog/${block_type.slug}`}>{block_type.name}</a>}
      </div>
      <Table rows={Object.entries(data)} columns={COLUMNS} keyOf={([field]) => field} areAll />
      <h2>About it</h2>
      <Facts
        facts={[
          ["Made", <When key="made" at={block.created} />],
          ["Changed", <When key="changed" at={block.updated} />],
          ["Id", <code key="id">{id}</code>],
        ]}
      />
      {block_type !== null && name !== null && (
        <>
          <h2>In prefect.yaml</h2>
          <Command text={`{{ prefect.blocks.${block_type.slug}.${name} }}`} />
        </>
      )}
    </>
  );
}

const COLUMNS: readonly Column<[string, JsonValue]>[] = [
  { header: "field", value: ([field]) => field, cell: ([field]) => <code>{field}</code> },
  {
    header: "value",
    class: "wraps",
    cell: ([, value]) => <code>{typeof value === "string" ? value : JSON.stringify(value)}</code>,
  },
];
