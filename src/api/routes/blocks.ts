/** `/block_types`, `/block_schemas`, `/block_documents` and `/block_capabilities` (source: wire §3.12). */
import { z } from "zod";
import { PAGE_MAX } from "../../contract/bounds.ts";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import {
  BLOCK_SCHEMA_VERSION_DEFAULT,
  BlockDocument,
  BlockDocumentCreate,
  BlockDocumentsCountBody,
  BlockDocumentsFilterBody,
  BlockDocumentUpdate,
  BlockSchema,
  BlockSchemaCreate,
  BlockSchemasFilterBody,
  BlockType,
  BlockTypeCreate,
  BlockTypesFilterBody,
  BlockTypeUpdate,
} from "../../contract/wire/blocks.ts";
import { isObject, parseSent } from "../../domain/blocks/checksum.ts";
import { planSchema } from "../../domain/blocks/schemas.ts";
import type { BlockTarget } from "../../objects/workspace/block-operations.ts";
import { present, takeIn } from "../blocks.ts";
import { ApiError, call, factory, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { body, query, uuidParam } from "../validation.ts";

const describeType = describeResource("Block types");
const describeSchema = describeResource("Block schemas");
const describeDocument = describeResource("Block documents");
const workspace = (c: ApiContext) => addressOfWorkspace(c.get("workspace"));

const flag = z
  .string()
  .regex(/^(true|false|1|0)$/i, "Input should be a valid boolean")
  .optional()
  .transform((text) => /^(true|1)$/i.test(text ?? ""));
const SecretsQuery = z.object({ include_secrets: flag });
const VersionQuery = z.object({ version: z.string().optional() });

async function readDocument(c: ApiContext, target: BlockTarget, areSecretsIncluded: boolean) {
  const found = await call(c, workspace(c), "read_block_documents", { target });
  const [document] = await present(c, found, areSecretsIncluded);
  return c.json(document);
}

export const blockTypes = factory
  .createApp()
  .post("/", describeType("Create a block type", 201, BlockType), body(BlockTypeCreate), async (c) =>
    c.json(await call(c, workspace(c), "create_block_type", c.req.valid("json")), 201),
  )
  .post(
    "/filter",
    describeType("List block types", 200, z.array(BlockType)),
    body(BlockTypesFilterBody),
    async (c) => {
      const { limit, offset, ...filter } = c.req.valid("json");
      return c.json(await call(c, workspace(c), "filter_block_types", { filter, limit, offset }));
    },
  )
  .post(
    "/install_system_block_types",
    describeType("Make the block types that every server has", 200, z.null()),
    async (c) => c.json(await call(c, workspace(c), "install_system_block_types", {})),
  )
  .get("/slug/:slug", describeType("Read a block type by its slug", 200, BlockType), async (c) =>
    c.json(await call(c, workspace(c), "read_block_type", { slug: c.req.param("slug") })),
  )
  .get(
    "/slug/:slug/block_documents",
    describeType("List the block documents of a type", 200, z.array(BlockDocument)),
    query(SecretsQuery),
    async (c) => {
      const { include_secrets } = c.req.valid("query");
      const { id } = await call(c, workspace(c), "read_block_type", { slug: c.req.param("slug") });
      const filter = { block_documents: { block_type_id: { any_: [id] } } };
      // Prefect's client sends an empty `limit` and `offset` here, and its server looks at neither.
      const command = { filter, sort: "NAME_ASC" as const, limit: PAGE_MAX, offset: 0 };
      const found = await call(c, workspace(c), "filter_block_documents", command);
      return c.json(await present(c, found, include_secrets));
    },
  )
  .get(
    "/slug/:slug/block_documents/name/:name",
    describeType("Read a block document by its type's slug and its name", 200, BlockDocument),
    query(SecretsQuery),
    async (c) => {
      const target = { block_type_slug: c.req.param("slug"), name: c.req.param("name") };
      return readDocument(c, target, c.req.valid("query").include_secrets);
    },
  )
  .get("/:id", describeType("Read a block type", 200, BlockType), async (c) =>
    c.json(await call(c, workspace(c), "read_block_type", { id: uuidParam(c, "id") })),
  )
  .patch("/:id", describeType("Change a block type", 204), body(BlockTypeUpdate), async (c) => {
    const command = { id: uuidParam(c, "id"), update: c.req.valid("json") };
    await call(c, workspace(c), "update_block_type", command);
    return c.body(null, 204);
  })
  .delete("/:id", describeType("Delete a block type with its schemas and documents", 204), async (c) => {
    await call(c, workspace(c), "delete_block_type", { id: uuidParam(c, "id") });
    return c.body(null, 204);
  });

export const blockSchemas = factory
  .createApp()
  .post(
    "/",
    describeSchema("Create a block schema; 200 when it exists", 201, BlockSchema),
    body(BlockSchemaCreate),
    async (c) => {
      const { block_type_id, capabilities, version } = c.req.valid("json");
      // Read anew: the checksum follows from the numbers' form, which is lost in the validated body.
      const sent = parseSent((await c.req.text()) || "{}");
      const fields = isObject(sent) ? sent["fields"] : undefined;
      const plan = planSchema(isObject(fields) ? fields : {});
      if (!plan.ok) throw new ApiError(plan.error);
      const { schema, was_created } = await call(c, workspace(c), "create_block_schema", {
        block_type_id: block_type_id.toLowerCase(),
        capabilities: capabilities ?? [],
        version: version ?? BLOCK_SCHEMA_VERSION_DEFAULT,
        plan: plan.value,
      });
      return c.json(schema, was_created ? 201 : 200);
    },
  )
  .post(
    "/filter",
    describeSchema("List block schemas, the newest first", 200, z.array(BlockSchema)),
    body(BlockSchemasFilterBody),
    async (c) => {
      const { limit, offset, ...filter } = c.req.valid("json");
      return c.json(await call(c, workspace(c), "filter_block_schemas", { filter, limit, offset }));
    },
  )
  .get(
    "/checksum/:checksum",
    describeSchema("Read a block schema by its checksum", 200, BlockSchema),
    query(VersionQuery),
    async (c) => {
      const command = { checksum: c.req.param("checksum"), version: c.req.valid("query").version ?? null };
      return c.json(await call(c, workspace(c), "read_block_schema", command));
    },
  )
  .get("/:id", describeSchema("Read a block schema", 200, BlockSchema), async (c) =>
    c.json(await call(c, workspace(c), "read_block_schema", { id: uuidParam(c, "id") })),
  )
  .delete("/:id", describeSchema("Delete a block schema with its documents", 204), async (c) => {
    await call(c, workspace(c), "delete_block_schema", { id: uuidParam(c, "id") });
    return c.body(null, 204);
  });

export const blockDocuments = factory
  .createApp()
  .post(
    "/",
    describeDocument("Create a block document", 201, BlockDocument),
    body(BlockDocumentCreate),
    async (c) => {
      const create = c.req.valid("json");
      const block_schema_id = create.block_schema_id.toLowerCase();
      const id = crypto.randomUUID();
      const schema = await call(c, workspace(c), "read_block_schema", { id: block_schema_id });
      const { kept: _kept, ...taken } = await takeIn(c, id, create.data ?? {}, schema.fields);
      const found = await call(c, workspace(c), "create_block_document", {
        ...taken,
        id,
        name: create.name || null,
        block_schema_id,
        block_type_id: create.block_type_id.toLowerCase(),
        is_anonymous: create.is_anonymous ?? false,
      });
      const [document] = await present(c, found, false);
      return c.json(document, 201);
    },
  )
  .post(
    "/filter",
    describeDocument("List block documents", 200, z.array(BlockDocument)),
    body(BlockDocumentsFilterBody),
    async (c) => {
      const { include_secrets, sort, limit, offset, ...filter } = c.req.valid("json");
      const command = { filter, sort, limit, offset };
      const found = await call(c, workspace(c), "filter_block_documents", command);
      return c.json(await present(c, found, include_secrets ?? false));
    },
  )
  .post(
    "/count",
    describeDocument("Count block documents", 200, z.int()),
    body(BlockDocumentsCountBody),
    async (c) =>
      c.json(await call(c, workspace(c), "count_block_documents", { filter: c.req.valid("json") })),
  )
  .get(
    "/:id",
    describeDocument("Read a block document", 200, BlockDocument),
    query(SecretsQuery),
    async (c) => readDocument(c, { id: uuidParam(c, "id") }, c.req.valid("query").include_secrets),
  )
  .patch(
    "/:id",
    describeDocument("Change the data or the schema of a block document", 204),
    body(BlockDocumentUpdate),
    async (c) => {
      const id = uuidParam(c, "id");
      const update = c.req.valid("json");
      const is_merging = update.merge_existing_data ?? true;
      const { blocks } = await call(c, workspace(c), "read_block_documents", { target: { id } });
      const block_schema_id = update.block_schema_id?.toLowerCase() ?? null;
      const schema = await call(c, workspace(c), "read_block_schema", {
        id: block_schema_id ?? blocks[id]?.block_schema_id ?? "",
      });
      // Without merging, data that are not sent are none.
      const data = update.data ?? (is_merging ? null : {});
      const change = data === null ? null : { ...(await takeIn(c, id, data, schema.fields)), is_merging };
      await call(c, workspace(c), "update_block_document", { id, block_schema_id, change });
      return c.body(null, 204);
    },
  )
  .delete("/:id", describeDocument("Delete a block document", 204), async (c) => {
    await call(c, workspace(c), "delete_block_document", { id: uuidParam(c, "id") });
    return c.body(null, 204);
  });

export const blockCapabilities = factory
  .createApp()
  .get(
    "/",
    describeResource("Block capabilities")("List what blocks can do", 200, z.array(z.string())),
    async (c) => c.json(await call(c, workspace(c), "list_block_capabilities", {})),
  );
