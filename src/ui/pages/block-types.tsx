/** The types of blocks that this server knows, or one of them. */
import { useRoute } from "preact-iso";
import { writeCommand } from "../../contract/commands.ts";
import type { BlockType } from "../../contract/wire/blocks.ts";
import { useQuery } from "../data/query.ts";
import { Command } from "../parts/command.tsx";
import { Loading } from "../parts/loading.tsx";
import { Markdown } from "../parts/markdown.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { Table, type Column } from "../parts/table.tsx";

export function BlockTypes() {
  usePageTitle("Types of blocks");
  const found = useQuery<BlockType[]>({ method: "POST", path: "/block_types/filter", body: {} });
  if (found.value === undefined) return <Loading query={found} />;
  return (
    <>
      <div class="title">
        <h1>Types of blocks</h1>
        <a href="/blocks">Blocks</a>
      </div>
      <Table rows={found.value} columns={COLUMNS} keyOf={({ id }) => id} areAll />
      <h2>Others</h2>
      <p>Code that registers or saves a block makes its type known, as does:</p>
      <Command text="prefect block register --module prefect_aws" />
    </>
  );
}

const COLUMNS: readonly Column<BlockType>[] = [
  {
    header: "type",
    value: ({ name }) => name,
    cell: ({ name, slug }) => <a href={`/blocks/catalog/${slug}`}>{name}</a>,
  },
  { header: "what it is", class: "wraps", cell: ({ description }) => description?.split("\n")[0] },
];

export function BlockTypePage() {
  const { params } = useRoute();
  const slug = params["slug"] ?? "";
  const found = useQuery<BlockType>({ method: "GET", path: `/block_types/slug/${encodeURIComponent(slug)}` });
  usePageTitle(found.value?.name ?? slug);
  if (found.value === undefined) return <Loading query={found} />;
  const { name, description, code_example } = found.value;
  return (
    <>
      <div class="title">
        <h1>{name}</h1>
        <a href="/blocks/catalog">All types</a>
      </div>
      {description !== null && <Markdown text={description} />}
      {code_example !== null && <Markdown text={code_example} />}
      <h2>One is made by</h2>
      <Command text={writeCommand("block", "create", `${slug}/NAME`, "FIELD=VALUE")} />
    </>
  );
}
