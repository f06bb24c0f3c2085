/** SQL of block types, block schemas and block documents. */
import type {
  BlockDocumentSort,
  BlockSchema,
  BlockType,
  BlockTypeUpdate,
} from "../../contract/wire/blocks.ts";
import type { JsonObject } from "../../contract/wire/common.ts";
import type { Placed } from "../../domain/blocks/secrets.ts";
import { first, type Sql } from "../shared/sql.ts";
import type { BlockTarget, StoredBlock } from "./block-operations.ts";
import type { Condition } from "./where.ts";

const SORTS: Readonly<Record<BlockDocumentSort, string>> = {
  NAME_ASC: "name, id",
  NAME_DESC: "name DESC, id",
  BLOCK_TYPE_AND_NAME_ASC: "block_type_name, name, id",
};

interface PageOf {
  limit: number;
  offset: number;
}

export class BlockStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  readType(by: { id: string } | { slug: string } | { name: string }): BlockType | undefined {
    const [column, value] = "id" in by ? ["id", by.id] : "slug" in by ? ["slug", by.slug] : ["name", by.name];
    const row = first<TypeRow>(this.#sql, `SELECT * FROM block_type WHERE ${column} = ?`, value);
    return row === undefined ? undefined : toType(row);
  }

  hasProtectedType(): boolean {
    return first(this.#sql, "SELECT 1 FROM block_type WHERE is_protected = 1") !== undefined;
  }

  insertType(type: BlockType): void {
    this.#sql.all(
      `INSERT INTO block_type (id, name, slug, created, updated, logo_url, documentation_url, description,
         code_example, is_protected) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      type.id,
      type.name,
      type.slug,
      type.created,
      type.updated,
      type.logo_url,
      type.documentation_url,
      type.description,
      type.code_example,
      type.is_protected ? 1 : 0,
    );
  }

  updateType(type: BlockType & BlockTypeUpdate): void {
    this.#sql.all(
      `UPDATE block_type SET updated = ?, logo_url = ?, documentation_url = ?, description = ?, code_example = ?
         WHERE id = ?`,
      type.updated,
      type.logo_url,
      type.documentation_url,
      type.description,
      type.code_example,
      type.id,
    );
  }

  /** Deletes a type with its schemas and documents. */
  deleteType(id: string): void {
    this.#deleteDocuments("block_type_id = ?", id);
    this.#sql.all("DELETE FROM block_schema WHERE block_type_id = ?", id);
    this.#sql.all("DELETE FROM block_type WHERE id = ?", id);
  }

  filterTypes(where: Condition, { limit, offset }: PageOf): BlockType[] {
    return this.#sql
      .all<TypeRow>(
        `SELECT * FROM block_type WHERE ${where.sql} ORDER BY name LIMIT ? OFFSET ?`,
        ...where.bindings,
        limit,
        offset,
      )
      .map(toType);
  }

  readSchema(by: { id: string } | { checksum: string; version: string | null }): BlockSchema | undefined {
    const row =
      "id" in by
        ? first<SchemaRow>(this.#sql, "SELECT * FROM block_schema WHERE id = ?", by.id)
        : first<SchemaRow>(
            this.#sql,
            `SELECT * FROM block_schema WHERE checksum = ?1 AND (?2 IS NULL OR version = ?2)
               ORDER BY seq DESC LIMIT 1`,
            by.checksum,
            by.version,
          );
    return row === undefined ? undefined : this.#toSchema(row);
  }

  insertSchema(schema: BlockSchema): void {
    this.#sql.all(
      `INSERT INTO block_schema (id, checksum, version, block_type_id, created, updated, capabilities, fields)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      schema.id,
      schema.checksum,
      schema.version,
      schema.block_type_id,
      schema.created,
      schema.updated,
      JSON.stringify(schema.capabilities),
      JSON.stringify(schema.fields),
    );
  }

  /** Deletes a schema with its documents. */
  deleteSchema(id: string): void {
    this.#deleteDocuments("block_schema_id = ?", id);
    this.#sql.all("DELETE FROM block_schema WHERE id = ?", id);
  }

  /** The newest first. */
  filterSchemas(where: Condition, { limit, offset }: PageOf): BlockSchema[] {
    return this.#sql
      .all<SchemaRow>(
        `SELECT * FROM block_schema WHERE ${where.sql} ORDER BY seq DESC LIMIT ? OFFSET ?`,
        ...where.bindings,
        limit,
        offset,
      )
      .map((row) => this.#toSchema(row));
  }

  listCapabilities(limit: number): string[] {
    return this.#sql
      .all<{ value: string }>(
        `SELECT DISTINCT its.value FROM block_schema, json_each(block_schema.capabilities) its
           ORDER BY its.value LIMIT ?`,
        limit,
      )
      .map(({ value }) => value);
  }

  readDocument(target: BlockTarget | { block_type_id: string; name: string }): StoredBlock | undefined {
    const [condition, ...bindings] =
      "id" in target
        ? ["id = ?", target.id]
        : "block_type_id" in target
          ? ["block_type_id = ? AND name = ?", target.block_type_id, target.name]
          : [
              "block_type_id = (SELECT id FROM block_type WHERE slug = ?) AND name = ?",
              target.block_type_slug,
              target.name,
            ];
    const row = first<DocumentRow>(
      this.#sql,
      `SELECT * FROM block_document WHERE ${condition ?? "0"}`,
      ...bindings,
    );
    return row === undefined ? undefined : this.#toDocument(row);
  }

  /** Stores a document, new or changed, with its references. */
  putDocument(document: StoredBlock): void {
    this.#sql.all(
      `INSERT INTO block_document (id, name, block_type_id, block_type_name, block_schema_id, is_anonymous, created,
         updated, data, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET block_schema_id = excluded.block_schema_id, updated = excluded.updated,
         data = excluded.data, sealed = excluded.sealed`,
      document.id,
      document.name,
      document.block_type_id,
      document.block_type_name,
      document.block_schema_id,
      document.is_anonymous ? 1 : 0,
      document.created,
      document.updated,
      JSON.stringify(document.data),
      JSON.stringify(document.sealed),
    );
    this.#sql.all("DELETE FROM block_reference WHERE parent_id = ?", document.id);
    this.#sql.all(
      `INSERT INTO block_reference (parent_id, name, child_id)
         SELECT ?, key, value FROM json_each(?) WHERE type = 'text'`,
      document.id,
      JSON.stringify(document.references),
    );
  }

  /** Deletes a document, and the fields of others that refer to it. */
  deleteDocument(id: string): void {
    this.#deleteDocuments("id = ?", id);
  }

  #deleteDocuments(condition: string, value: string): void {
    const ids = `(SELECT id FROM block_document WHERE ${condition})`;
    this.#sql.all(`DELETE FROM block_reference WHERE child_id IN ${ids}`, value);
    this.#sql.all(`DELETE FROM block_reference WHERE parent_id IN ${ids}`, value);
    this.#sql.all(`DELETE FROM default_storage WHERE block_document_id IN ${ids}`, value);
    this.#sql.all(`DELETE FROM block_document WHERE ${condition}`, value);
  }

  filterDocuments(where: Condition, sort: BlockDocumentSort, { limit, offset }: PageOf): StoredBlock[] {
    return this.#sql
      .all<DocumentRow>(
        `SELECT * FROM block_document WHERE ${where.sql} ORDER BY ${SORTS[sort]} LIMIT ? OFFSET ?`,
        ...where.bindings,
        limit,
        offset,
      )
      .map((row) => this.#toDocument(row));
  }

  countDocuments(where: Condition): number {
    const statement = `SELECT count(*) AS count FROM block_document WHERE ${where.sql}`;
    return first<{ count: number }>(this.#sql, statement, ...where.bindings)?.count ?? 0;
  }

  /** Tells whether a document refers to another, itself or through others. */
  refersTo(from: string, to: string): boolean {
    return (
      first(
        this.#sql,
        `WITH RECURSIVE reached (id) AS (
           SELECT ?1 UNION SELECT child_id FROM block_reference JOIN reached ON parent_id = reached.id)
         SELECT 1 FROM reached WHERE id = ?2`,
        from,
        to,
      ) !== undefined
    );
  }

  readDefaultStorage(): string | null {
    const statement = "SELECT block_document_id FROM default_storage";
    return first<{ block_document_id: string }>(this.#sql, statement)?.block_document_id ?? null;
  }

  writeDefaultStorage(block_document_id: string | null): void {
    this.#sql.all("DELETE FROM default_storage");
    if (block_document_id !== null)
      this.#sql.all("INSERT INTO default_storage (id, block_document_id) VALUES (1, ?)", block_document_id);
  }

  #toSchema({ seq: _seq, ...row }: SchemaRow): BlockSchema {
    return {
      ...row,
      fields: JSON.parse(row.fields) as JsonObject,
      capabilities: JSON.parse(row.capabilities) as string[],
      block_type: this.readType({ id: row.block_type_id }) ?? null,
    };
  }

  #toDocument(row: DocumentRow): StoredBlock {
    const references = this.#sql.all<{ name: string; child_id: string }>(
      "SELECT name, child_id FROM block_reference WHERE parent_id = ?",
      row.id,
    );
    return {
      ...row,
      is_anonymous: row.is_anonymous === 1,
      data: JSON.parse(row.data) as JsonObject,
      sealed: JSON.parse(row.sealed) as Placed<string>[],
      references: Object.fromEntries(references.map(({ name, child_id }) => [name, child_id])),
    };
  }
}

type TypeRow = Omit<BlockType, "is_protected"> & { is_protected: number };
type SchemaRow = Omit<BlockSchema, "fields" | "capabilities" | "block_type"> & {
  seq: number;
  fields: string;
  capabilities: string;
};
type DocumentRow = Omit<StoredBlock, "data" | "sealed" | "references" | "is_anonymous"> & {
  data: string;
  sealed: string;
  is_anonymous: number;
};

function toType(row: TypeRow): BlockType {
  return { ...row, is_protected: row.is_protected === 1 };
}
