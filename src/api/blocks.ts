/** Block documents on their way in and out: secrets are sealed before an object sees them and opened after it. */
import { isUuid } from "../contract/ids.ts";
import type { BlockDocument } from "../contract/wire/blocks.ts";
import type { JsonObject, JsonValue } from "../contract/wire/common.ts";
import {
  divideReferences,
  divideSecrets,
  layOver,
  type Path,
  type Placed,
} from "../domain/blocks/secrets.ts";
import type { FoundBlocks, StoredBlock } from "../objects/workspace/block-operations.ts";
import { fail, type ApiContext } from "./context.ts";
import { Vault } from "./secrets.ts";

/** Documents that one answer may repeat below others. */
const PRESENTED_MAX = 10_000;

/** What a sealed value is bound to. */
function placeOf(c: ApiContext, documentId: string, path: Path): string {
  return JSON.stringify(["block", c.get("workspace"), documentId, path]);
}

/** Divides what a caller sent into what may be stored as it is, sealed secrets and references. */
export async function takeIn(c: ApiContext, documentId: string, data: JsonObject, fields: JsonObject) {
  const { own, references } = divideReferences(data);
  const { data: shown, secrets, kept } = divideSecrets(own, fields);
  const vault = new Vault(c.env);
  const sealed = await Promise.all(
    secrets.map(async ({ path, value }) => ({
      path,
      value: await vault.seal(JSON.stringify(value), placeOf(c, documentId, path)),
    })),
  );
  return { data: shown, sealed, kept, references: checkReferences(references) };
}

function checkReferences(references: ReadonlyMap<string, JsonValue>): Record<string, string> {
  return Object.fromEntries(
    [...references].map(([name, id]) => {
      if (typeof id !== "string" || !isUuid(id))
        return fail(
          "bad_request",
          `Received block reference without a block_document_id in key ${name.slice(0, 100)}`,
        );
      return [name, id.toLowerCase()];
    }),
  );
}

/** Documents as clients read them: with the data of those that they refer to, secrets opened where they are asked for. */
export async function present(
  c: ApiContext,
  { found, blocks, schemas }: FoundBlocks,
  areSecretsIncluded: boolean,
): Promise<BlockDocument[]> {
  const vault = new Vault(c.env);
  const data = new Map(
    await Promise.all(
      Object.values(blocks).map(
        async (block) =>
          [block.id, await readData(c, block, schemas, areSecretsIncluded ? vault : null)] as const,
      ),
    ),
  );
  let presented = 0;
  const build = (id: string): BlockDocument | undefined => {
    const block = blocks[id];
    if (block === undefined) return undefined;
    presented += 1;
    if (presented > PRESENTED_MAX)
      fail("conflict", "These blocks refer to each other too often to be shown at once; ask for fewer.");
    const { sealed: _sealed, references, ...stored } = block;
    const children = Object.entries(references).flatMap(([name, child]) => {
      const built = build(child);
      return built === undefined ? [] : [[name, built] as const];
    });
    const schema = schemas[block.block_schema_id] ?? null;
    return {
      ...stored,
      data: { ...data.get(id), ...Object.fromEntries(children.map(([name, child]) => [name, child.data])) },
      block_schema: schema,
      block_type: schema?.block_type ?? null,
      block_document_references: Object.fromEntries(
        children.map(([name, child]) => [name, { block_document: nameReferenced(child) }]),
      ),
    };
  };
  return found.map(build).filter((document) => document !== undefined);
}

function nameReferenced(child: BlockDocument): JsonObject {
  const { id, name, block_type, is_anonymous, block_document_references } = child;
  return { id, name, block_type, is_anonymous, block_document_references };
}

async function readData(
  c: ApiContext,
  { id, data, sealed, block_schema_id }: StoredBlock,
  schemas: FoundBlocks["schemas"],
  vault: Vault | null,
): Promise<JsonObject> {
  // A newer schema may call secret what was stored under an older one.
  if (vault === null) return divideSecrets(data, schemas[block_schema_id]?.fields ?? {}).data;
  const opened = sealed.map(async ({ path, value }): Promise<Placed<JsonValue>> => ({
    path,
    value: JSON.parse(await vault.unseal(value, placeOf(c, id, path))) as JsonValue,
  }));
  return layOver(data, await Promise.all(opened));
}
