/** Blocks and their types as people see and name them. */
import type { Client } from "../../client/index.ts";
import type { BlockDocument, BlockType } from "../../contract/wire/blocks.ts";
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";
import { rephrase } from "../api.ts";
import { UsageError } from "../framework/errors.ts";
import { ValueFault } from "../framework/parameters.ts";
import type { Detail } from "../output/table.ts";
import { formatRelative } from "../output/time.ts";
import { explainMissing } from "./missing.ts";

/** A block by the slug of its type and its name. */
export interface BlockName {
  slug: string;
  name: string;
}

/** `TYPE/NAME`. */
export function parseBlockName(text: string): BlockName {
  const [slug = "", name = "", ...more] = text.split("/");
  if (slug === "" || name === "" || more.length > 0) throw new ValueFault("the form TYPE/NAME");
  return { slug, name };
}

/** `TYPE/NAME` of a block; of one without a name, its id. */
export function nameOfBlock({ block_type, block_schema, name, id }: BlockDocument): string {
  const slug = (block_type ?? block_schema?.block_type)?.slug;
  return name === null || slug === undefined ? id : `${slug}/${name}`;
}

/** Names of blocks on the server. */
export async function listBlockNames(api: Client): Promise<string[]> {
  return (await api.blocks.list({ limit: 200 })).filter(({ name }) => name !== null).map(nameOfBlock);
}

/** Slugs of block types on the server. */
export async function listTypeSlugs(api: Client): Promise<string[]> {
  return (await api.blockTypes.list({ limit: 200 })).map(({ slug }) => slug);
}

/** Reads the block that a command names in one of two ways; a missing one is explained. */
export function readBlock(
  api: Client,
  named: BlockName | undefined,
  id: string | undefined,
  include_secrets = false,
): Promise<BlockDocument> {
  if ((named === undefined) === (id === undefined))
    throw new UsageError("Name the block, as TYPE/NAME or by --id.");
  if (named === undefined)
    return rephrase(
      api.blocks.read(id ?? "", { include_secrets }),
      404,
      () => `No block with the id ${id}; \`sluice block ls\` shows those there are.`,
    );
  const text = `${named.slug}/${named.name}`;
  return rephrase(api.blocks.readByName(named.slug, named.name, { include_secrets }), 404, () =>
    explainMissing("block", text, () => listBlockNames(api), "`sluice block ls` shows those there are"),
  );
}

/** Reads a block type by its slug; a missing one is explained. */
export function readBlockType(api: Client, slug: string): Promise<BlockType> {
  return rephrase(api.blockTypes.read(slug), 404, () =>
    explainMissing(
      "block type",
      slug,
      () => listTypeSlugs(api),
      "`sluice block type ls` shows those there are; others come with the clients that save such blocks",
    ),
  );
}

/** Everything about one block, the fields of its data last. */
export function describeBlock(block: BlockDocument, now: number): Detail[] {
  const fields = Object.entries(block.data).map(([field, value]) => [field, writeField(value)] as const);
  return [
    ["Name", block.name],
    ["Type", block.block_type?.slug ?? block.block_type_name],
    ["Created", formatRelative(block.created, now)],
    ["Updated", formatRelative(block.updated, now)],
    ["Id", block.id],
    ...fields,
  ];
}

function writeField(value: JsonValue): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The names of the fields that a schema has, those that must be there marked. */
export function describeFields(fields: JsonObject): string {
  const { properties, required } = fields;
  if (typeof properties !== "object" || properties === null || Array.isArray(properties)) return "";
  const needed = Array.isArray(required) ? required : [];
  return Object.keys(properties)
    .map((name) => (needed.includes(name) ? `${name} (required)` : name))
    .join(", ");
}
