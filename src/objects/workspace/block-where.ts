/** Prefect's filters of blocks as SQL conditions (source: Prefect's `schemas/filters.py`). */
import type {
  BlockDocumentFilter,
  BlockFilter,
  BlockSchemaFilter,
  BlockTypeFilter,
} from "../../contract/wire/blocks.ts";
import { allOf, combine, finish, lower, whereIn, whereName, type Condition, type Maybe } from "./where.ts";

/** Which block types a filter means; the statement reads from `block_type`. */
export function whereBlockTypes({ block_types, block_schemas }: BlockFilter): Condition {
  const ofSchema = block_schemas && whereSchema(block_schemas);
  return finish(
    allOf([
      block_types && whereType(block_types),
      block_schemas && {
        sql: `EXISTS (SELECT 1 FROM block_schema WHERE block_schema.block_type_id = block_type.id
          AND ${ofSchema?.sql ?? "1"})`,
        bindings: ofSchema?.bindings ?? [],
      },
    ]),
  );
}

/** Which block schemas a filter means; the statement reads from `block_schema`. */
export function whereBlockSchemas({ block_schemas }: BlockFilter): Condition {
  return finish(block_schemas ? whereSchema(block_schemas) : undefined);
}

/** Which documents a filter means; the statement reads from `block_document`. Anonymous ones only where it says so. */
export function whereBlockDocuments({ block_types, block_schemas, block_documents }: BlockFilter): Condition {
  const ofType = block_types && whereType(block_types);
  const ofSchema = block_schemas && whereSchema(block_schemas);
  return finish(
    allOf([
      whereDocument(block_documents ?? {}),
      ofType && {
        sql: `EXISTS (SELECT 1 FROM block_type WHERE block_type.id = block_document.block_type_id AND ${ofType.sql})`,
        bindings: ofType.bindings,
      },
      ofSchema && {
        sql: `EXISTS (SELECT 1 FROM block_schema
          WHERE block_schema.id = block_document.block_schema_id AND ${ofSchema.sql})`,
        bindings: ofSchema.bindings,
      },
    ]),
  );
}

function whereType({ name, slug }: BlockTypeFilter): Maybe {
  return allOf([
    ...whereName("block_type.name", { like_: name?.like_ || null }),
    whereIn("block_type.slug", slug?.any_),
  ]);
}

function whereSchema(filter: BlockSchemaFilter): Maybe {
  const all = filter.block_capabilities?.all_ ?? [];
  return combine(filter.operator, [
    whereIn("block_schema.id", lower(filter.id?.any_)),
    whereIn("block_schema.block_type_id", lower(filter.block_type_id?.any_)),
    whereIn("block_schema.version", filter.version?.any_),
    all.length === 0
      ? undefined
      : {
          sql: `NOT EXISTS (SELECT 1 FROM json_each(?) wanted
            WHERE wanted.value NOT IN (SELECT value FROM json_each(block_schema.capabilities)))`,
          bindings: [JSON.stringify(all)],
        },
  ]);
}

function whereDocument(filter: BlockDocumentFilter): Maybe {
  const isAnonymous = filter.is_anonymous === undefined ? false : (filter.is_anonymous?.eq_ ?? null);
  return combine(filter.operator, [
    whereIn("block_document.id", lower(filter.id?.any_)),
    whereIn("block_document.block_type_id", lower(filter.block_type_id?.any_)),
    ...whereName("block_document.name", { any_: filter.name?.any_, like_: filter.name?.like_ || null }),
    isAnonymous === null
      ? undefined
      : { sql: "block_document.is_anonymous = ?", bindings: [isAnonymous ? 1 : 0] },
  ]);
}
