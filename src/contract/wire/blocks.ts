/** Block types, block schemas and block documents. Source of the fields: Prefect's `schemas/core.py` and `actions.py`. */
import { z } from "zod";
import { NAME_CHARACTERS_MAX } from "../bounds.ts";
import { Id, JsonObject, Name, Page, Stamps } from "./common.ts";
import { anyId, nameFilter, operator, textList } from "./filter-parts.ts";

const TEXT_CHARACTERS_MAX = 20_000;
/** The version of a schema whose class says none. */
export const BLOCK_SCHEMA_VERSION_DEFAULT = "non-versioned";

const lowerCaseName = (what: string) =>
  z
    .string()
    .max(NAME_CHARACTERS_MAX)
    .regex(/^[a-z0-9-]*$/, `${what} must only contain lowercase letters, numbers, and dashes.`);
const text = z.string().max(TEXT_CHARACTERS_MAX).nullish();

export const BlockType = z.object({
  ...Stamps,
  name: z.string(),
  slug: z.string(),
  logo_url: z.string().nullable(),
  documentation_url: z.string().nullable(),
  description: z.string().nullable(),
  code_example: z.string().nullable(),
  is_protected: z.boolean(),
});
export type BlockType = z.infer<typeof BlockType>;

const typeTexts = { logo_url: text, documentation_url: text, description: text, code_example: text };
/** `POST /block_types/` */
export const BlockTypeCreate = z.strictObject({
  name: Name.refine((name) => name.trim() === name, "Name must not begin or end with a blank."),
  slug: lowerCaseName("Block type slug").min(1),
  ...typeTexts,
});
export type BlockTypeCreate = z.infer<typeof BlockTypeCreate>;
/** `PATCH /block_types/{id}`: only what is sent changes. */
export const BlockTypeUpdate = z.strictObject(typeTexts);
export type BlockTypeUpdate = z.infer<typeof BlockTypeUpdate>;

export const BlockSchema = z.object({
  ...Stamps,
  /** `sha256:` and the digest of the fields, as `domain/blocks/checksum.ts` computes it. */
  checksum: z.string(),
  fields: JsonObject,
  block_type_id: Id,
  block_type: BlockType.nullable(),
  capabilities: z.array(z.string()),
  version: z.string(),
});
export type BlockSchema = z.infer<typeof BlockSchema>;

/** `POST /block_schemas/` */
export const BlockSchemaCreate = z.strictObject({
  fields: JsonObject.nullish(),
  block_type_id: Id,
  capabilities: z.array(z.string().max(NAME_CHARACTERS_MAX)).max(100).nullish(),
  version: z.string().min(1).max(NAME_CHARACTERS_MAX).nullish(),
});
export type BlockSchemaCreate = z.infer<typeof BlockSchemaCreate>;

export const BlockDocument = z.object({
  ...Stamps,
  name: z.string().nullable(),
  /** Secret values are `********` unless they are asked for. Referenced documents' data lie below their names. */
  data: JsonObject,
  block_schema_id: Id,
  block_schema: BlockSchema.nullable(),
  block_type_id: Id,
  block_type_name: z.string().nullable(),
  block_type: BlockType.nullable(),
  block_document_references: JsonObject,
  is_anonymous: z.boolean(),
});
export type BlockDocument = z.infer<typeof BlockDocument>;

/** `POST /block_documents/` */
export const BlockDocumentCreate = z
  .strictObject({
    name: lowerCaseName("Block document name").nullish(),
    data: JsonObject.nullish(),
    block_schema_id: Id,
    block_type_id: Id,
    is_anonymous: z.boolean().nullish(),
    block_document_references: JsonObject.nullish(),
  })
  .refine(({ name, is_anonymous }) => is_anonymous === true || Boolean(name), {
    error: "Names must be provided for block documents.",
    path: ["name"],
  });

/** `PATCH /block_documents/{id}` */
export const BlockDocumentUpdate = z.strictObject({
  block_schema_id: Id.nullish(),
  data: JsonObject.nullish(),
  merge_existing_data: z.boolean().nullish(),
});

export const BlockTypeFilter = z.strictObject({
  name: z.strictObject({ like_: z.string().nullish() }).nullish(),
  slug: z.strictObject({ any_: textList }).nullish(),
});
export const BlockSchemaFilter = z.strictObject({
  operator,
  id: anyId,
  block_type_id: anyId,
  block_capabilities: z.strictObject({ all_: textList }).nullish(),
  version: z.strictObject({ any_: textList }).nullish(),
});
export const BlockDocumentFilter = z.strictObject({
  operator,
  id: anyId,
  is_anonymous: z.strictObject({ eq_: z.boolean().nullish() }).nullish(),
  block_type_id: anyId,
  name: nameFilter,
});
export type BlockTypeFilter = z.infer<typeof BlockTypeFilter>;
export type BlockSchemaFilter = z.infer<typeof BlockSchemaFilter>;
export type BlockDocumentFilter = z.infer<typeof BlockDocumentFilter>;

/** All conditions must hold together. */
export interface BlockFilter {
  block_types?: BlockTypeFilter | null | undefined;
  block_schemas?: BlockSchemaFilter | null | undefined;
  block_documents?: BlockDocumentFilter | null | undefined;
}

const types = { block_types: BlockTypeFilter.nullish() };
const schemas = { block_schemas: BlockSchemaFilter.nullish() };
const documents = { block_documents: BlockDocumentFilter.nullish(), ...types, ...schemas };

export const BLOCK_DOCUMENT_SORTS = ["NAME_DESC", "NAME_ASC", "BLOCK_TYPE_AND_NAME_ASC"] as const;
export type BlockDocumentSort = (typeof BLOCK_DOCUMENT_SORTS)[number];

export const BlockTypesFilterBody = z.object({ ...types, ...schemas, ...Page });
export const BlockSchemasFilterBody = z.object({ ...schemas, ...Page });
/** Clients send a `block_schema_type` besides, which Prefect's server ignores as well. */
export const BlockDocumentsFilterBody = z.object({
  ...documents,
  include_secrets: z.boolean().nullish(),
  sort: z
    .enum(BLOCK_DOCUMENT_SORTS)
    .nullish()
    .transform((sort) => sort ?? "NAME_ASC"),
  ...Page,
});
export const BlockDocumentsCountBody = z.object(documents);
