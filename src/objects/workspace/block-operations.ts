/** What a Workspace can be asked about blocks. Secret values arrive sealed and leave sealed: the objects have no key. */
import type {
  BlockDocument,
  BlockDocumentSort,
  BlockFilter,
  BlockSchema,
  BlockType,
  BlockTypeCreate,
  BlockTypeUpdate,
} from "../../contract/wire/blocks.ts";
import type { SchemaPlan } from "../../domain/blocks/schemas.ts";
import type { DataChange, SealedData } from "../../domain/blocks/secrets.ts";

interface PageOf {
  limit: number;
  offset: number;
}

/** A document as stored: without what it refers to. */
export interface StoredBlock extends SealedData {
  id: string;
  created: string;
  updated: string;
  name: string | null;
  block_schema_id: string;
  block_type_id: string;
  block_type_name: string;
  is_anonymous: boolean;
  /** Ids of other documents by the names of the fields that hold them. */
  references: Record<string, string>;
}

/** Documents that were asked for, and everything that reading them needs. */
export interface FoundBlocks {
  /** Ids in their order. */
  found: string[];
  /** By id, with all that they refer to. */
  blocks: Record<string, StoredBlock>;
  /** By id, those of all these documents. */
  schemas: Record<string, BlockSchema>;
}

export type BlockTarget = { id: string } | { name: string; block_type_slug: string };

export type BlockOperations = {
  create_block_type: { command: BlockTypeCreate; answer: BlockType };
  /** Makes the types that every Prefect server has; also done before types are first looked for. */
  install_system_block_types: { command: Record<string, never>; answer: null };
  read_block_type: { command: { id: string } | { slug: string }; answer: BlockType };
  update_block_type: { command: { id: string; update: BlockTypeUpdate }; answer: null };
  /** Its schemas and documents go with it. */
  delete_block_type: { command: { id: string }; answer: null };
  filter_block_types: { command: { filter: BlockFilter } & PageOf; answer: BlockType[] };
  /** Finds the schema of that checksum and version, or makes it and those of the blocks nested in it. */
  create_block_schema: {
    command: { block_type_id: string; capabilities: string[]; version: string; plan: SchemaPlan };
    answer: { schema: BlockSchema; was_created: boolean };
  };
  /** Without a version: the newest one of that checksum. */
  read_block_schema: {
    command: { id: string } | { checksum: string; version: string | null };
    answer: BlockSchema;
  };
  /** Its documents go with it. */
  delete_block_schema: { command: { id: string }; answer: null };
  /** The newest first. */
  filter_block_schemas: { command: { filter: BlockFilter } & PageOf; answer: BlockSchema[] };
  list_block_capabilities: { command: Record<string, never>; answer: string[] };
  /** The caller makes the id, which what is sealed is bound to. */
  create_block_document: {
    command: Pick<BlockDocument, "id" | "name" | "block_schema_id" | "block_type_id" | "is_anonymous"> &
      SealedData & { references: Record<string, string> };
    answer: FoundBlocks;
  };
  read_block_documents: { command: { target: BlockTarget }; answer: FoundBlocks };
  filter_block_documents: {
    command: { filter: BlockFilter; sort: BlockDocumentSort } & PageOf;
    answer: FoundBlocks;
  };
  count_block_documents: { command: { filter: BlockFilter }; answer: number };
  update_block_document: {
    command: { id: string; block_schema_id: string | null; change: DataChange | null };
    answer: null;
  };
  delete_block_document: { command: { id: string }; answer: null };
  /** The document that results are stored by where a flow names none. */
  read_default_storage: { command: Record<string, never>; answer: string | null };
  write_default_storage: { command: { block_document_id: string | null }; answer: null };
};
