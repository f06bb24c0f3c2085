/** Turns of blocks: types, their schemas, and the documents that are saved of them. */
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import {
  BLOCK_SCHEMA_VERSION_DEFAULT,
  type BlockSchema,
  type BlockType,
  type BlockTypeCreate,
} from "../../contract/wire/blocks.ts";
import { computeChecksum, parseSent, type SentObject } from "../../domain/blocks/checksum.ts";
import { SYSTEM_BLOCKS } from "../../domain/blocks/system-types.ts";
import type { SchemaDraft, SchemaPlan } from "../../domain/blocks/schemas.ts";
import { changeData } from "../../domain/blocks/secrets.ts";
import type { Envelope } from "../../contract/envelope.ts";
import { describeBlock, type ChangeAction } from "../../domain/events/catalog-event.ts";
import type { ChangeNews } from "../shared/change-news.ts";
import type { Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import type { BlockOperations, FoundBlocks, StoredBlock } from "./block-operations.ts";
import { BlockStore } from "./block-store.ts";
import { whereBlockDocuments, whereBlockSchemas, whereBlockTypes } from "./block-where.ts";
import { makeUuid } from "../shared/uuid.ts";
import type { AuditedKind } from "../../contract/wire/audit.ts";

const TYPE_NOT_FOUND = refuse("not_found", "Block type not found");
const SCHEMA_NOT_FOUND = refuse("not_found", "Block schema not found");
const DOCUMENT_NOT_FOUND = refuse("not_found", "Block document not found");
const CAPABILITIES_MAX = 1000;
/** Documents that one answer may bring along for those it was asked for. */
const REFERENCED_MAX = 2000;
/** What a document must be able to do for results to be stored by it. */
const RESULT_CAPABILITY = "write-path";

interface Readers {
  /** Writes down who has done what. */
  audit: (envelope: Envelope, kind: AuditedKind, record: { id: string; name: string }) => void;
  /** Tells those who listen. */
  news: ChangeNews;
}

export class Blocks {
  readonly #host: ObjectHost;
  readonly #store: BlockStore;
  readonly #readers: Readers;

  constructor(host: ObjectHost, readers: Readers) {
    this.#host = host;
    this.#store = new BlockStore(host.sql);
    this.#readers = readers;
  }

  readonly handlers: Handlers<BlockOperations> = {
    create_block_type: (create, envelope) => {
      this.#installSystemTypes();
      const { name, slug } = create;
      if (/^prefect/i.test(name))
        return refuse("forbidden", "Block type names beginning with 'Prefect' are reserved.");
      if (this.#store.readType({ name }) ?? this.#store.readType({ slug }))
        return refuse("conflict", `Block type with name "${name}" already exists`);
      const type = this.#insertType(create, false);
      this.#publishType(envelope, "created", type);
      return accept(type);
    },
    install_system_block_types: () => {
      this.#installSystemTypes();
      return accept(null);
    },
    read_block_type: (by) => {
      this.#installSystemTypes();
      const type = this.#store.readType(by);
      return type === undefined ? TYPE_NOT_FOUND : accept(type);
    },
    update_block_type: ({ id, update }, envelope) => {
      const type = this.#store.readType({ id });
      if (type === undefined) return TYPE_NOT_FOUND;
      const sent = Object.fromEntries(Object.entries(update).filter(([, value]) => value !== undefined));
      const changed = { ...type, ...sent, updated: this.#now() };
      this.#store.updateType(changed);
      this.#publishType(envelope, "updated", changed);
      return accept(null);
    },
    delete_block_type: ({ id }, envelope) => {
      const type = this.#store.readType({ id });
      if (type === undefined) return TYPE_NOT_FOUND;
      if (type.is_protected) return refuse("forbidden", "protected block types cannot be deleted.");
      this.#store.deleteType(id);
      this.#publishType(envelope, "deleted", type);
      return accept(null);
    },
    filter_block_types: ({ filter, ...page }) => {
      this.#installSystemTypes();
      return accept(this.#store.filterTypes(whereBlockTypes(filter), page));
    },

    create_block_schema: (command) => this.#createSchema(command),
    read_block_schema: (by) => {
      const schema = this.#store.readSchema(by);
      return schema === undefined ? SCHEMA_NOT_FOUND : accept(schema);
    },
    delete_block_schema: ({ id }, envelope) => {
      const schema = this.#store.readSchema({ id });
      if (schema === undefined) return SCHEMA_NOT_FOUND;
      if (schema.block_type?.is_protected === true)
        return refuse("forbidden", "Block schemas for protected block types cannot be deleted.");
      this.#store.deleteSchema(id);
      this.#readers.audit(envelope, "block_schema", { id, name: schema.block_type?.name ?? "" });
      return accept(null);
    },
    filter_block_schemas: ({ filter, ...page }) =>
      accept(this.#store.filterSchemas(whereBlockSchemas(filter), page)),
    list_block_capabilities: () => accept(this.#store.listCapabilities(CAPABILITIES_MAX)),

    create_block_document: ({ id, name, references, ...create }, envelope) => {
      if (this.#store.readDocument({ id }) !== undefined) return this.#present([id]);
      const type = this.#store.readType({ id: create.block_type_id });
      if (type === undefined)
        return refuse("not_found", `Block type ${create.block_type_id} not found; register it first.`);
      if (this.#store.readSchema({ id: create.block_schema_id }) === undefined)
        return refuse("not_found", `Block schema ${create.block_schema_id} not found; register it first.`);
      const chosen = name ?? `anonymous-${id}`;
      if (this.#store.readDocument({ block_type_id: type.id, name: chosen }) !== undefined)
        return refuse("conflict", "Block already exists");
      const fault = this.#findReferenceFault(id, references);
      if (fault !== undefined) return refuse("bad_request", fault);
      const now = this.#now();
      const stamps = { id, created: now, updated: now };
      const document = { ...stamps, name: chosen, references, ...create, block_type_name: type.name };
      this.#store.putDocument(document);
      this.#publishDocument(envelope, "created", document);
      return this.#present([id]);
    },
    read_block_documents: ({ target }) => {
      const document = this.#store.readDocument(target);
      return document === undefined ? DOCUMENT_NOT_FOUND : this.#present([document.id], [document]);
    },
    filter_block_documents: ({ filter, sort, ...page }) => {
      const documents = this.#store.filterDocuments(whereBlockDocuments(filter), sort, page);
      return this.#present(
        documents.map(({ id }) => id),
        documents,
      );
    },
    count_block_documents: ({ filter }) => accept(this.#store.countDocuments(whereBlockDocuments(filter))),
    update_block_document: ({ id, block_schema_id, change }, envelope) => {
      const document = this.#store.readDocument({ id });
      if (document === undefined) return DOCUMENT_NOT_FOUND;
      if (change === null) return accept(null);
      const schema = block_schema_id === null ? undefined : this.#store.readSchema({ id: block_schema_id });
      if (block_schema_id !== null && schema === undefined) return SCHEMA_NOT_FOUND;
      if (schema !== undefined && schema.block_type_id !== document.block_type_id)
        return refuse("bad_request", "Must migrate block document to a block schema of the same block type.");
      const fault = this.#findReferenceFault(id, change.references);
      if (fault !== undefined) return refuse("bad_request", fault);
      const staying = Object.entries(document.references).filter(
        ([name]) => change.is_merging && !Object.hasOwn(change.data, name),
      );
      const changed = {
        ...document,
        ...changeData(document, change),
        references: { ...Object.fromEntries(staying), ...change.references },
        block_schema_id: block_schema_id ?? document.block_schema_id,
        updated: this.#now(),
      };
      this.#store.putDocument(changed);
      this.#publishDocument(envelope, "updated", changed);
      return accept(null);
    },
    delete_block_document: ({ id }, envelope) => {
      const document = this.#store.readDocument({ id });
      if (document === undefined) return DOCUMENT_NOT_FOUND;
      this.#store.deleteDocument(id);
      this.#publishDocument(envelope, "deleted", document);
      return accept(null);
    },

    read_default_storage: () => accept(this.#store.readDefaultStorage()),
    write_default_storage: ({ block_document_id: id }) => {
      if (id !== null) {
        const document = this.#store.readDocument({ id });
        if (document === undefined) return refuse("not_found", `Block document ${id} not found.`);
        const schema = this.#store.readSchema({ id: document.block_schema_id });
        if (schema?.capabilities.includes(RESULT_CAPABILITY) !== true)
          return refuse("invalid", `Block document ${id} cannot be used for result storage.`);
      }
      this.#store.writeDefaultStorage(id);
      return accept(null);
    },
  };

  #insertType(create: BlockTypeCreate, is_protected: boolean): BlockType {
    const now = this.#now();
    const type: BlockType = {
      id: makeUuid(this.#host),
      created: now,
      updated: now,
      name: create.name,
      slug: create.slug,
      logo_url: create.logo_url ?? null,
      documentation_url: create.documentation_url ?? null,
      description: create.description ?? null,
      code_example: create.code_example ?? null,
      is_protected,
    };
    this.#store.insertType(type);
    return type;
  }

  /** They cannot be deleted, so one stands for all. A type that a client registered before stays its own. */
  #installSystemTypes(): void {
    if (this.#store.hasProtectedType()) return;
    for (const { type, schema } of SYSTEM_BLOCKS) {
      if (this.#store.readType({ slug: type.slug }) ?? this.#store.readType({ name: type.name })) continue;
      const { id } = this.#insertType(type, true);
      const fields = parseSent(JSON.stringify(schema.fields)) as SentObject;
      const draft = { checksum: computeChecksum(fields), fields: schema.fields, references: [] };
      if (this.#store.readSchema({ checksum: draft.checksum, version: schema.version }) === undefined)
        this.#insertSchema(draft, id, schema.capabilities, schema.version);
    }
  }

  #createSchema(
    command: BlockOperations["create_block_schema"]["command"],
  ): Result<BlockOperations["create_block_schema"]["answer"]> {
    const { block_type_id, capabilities, version, plan } = command;
    const { checksum } = plan.root;
    if (this.#store.readType({ id: block_type_id }) === undefined)
      return refuse("not_found", `Block type ${block_type_id} not found.`);
    const existing = this.#store.readSchema({ checksum, version });
    if (existing !== undefined) return accept({ schema: existing, was_created: false });
    const nested = this.#planNested(plan);
    if (!nested.ok) return nested;
    const schema = this.#insertSchema(plan.root, block_type_id, capabilities, version);
    for (const { draft, type_id } of nested.value)
      this.#insertSchema(draft, type_id, [], BLOCK_SCHEMA_VERSION_DEFAULT);
    return accept({ schema, was_created: true });
  }

  /** The nested schemas that are not there yet; refuses where one's type is not registered or nobody knows its fields. */
  #planNested({ root, nested }: SchemaPlan): Result<{ draft: SchemaDraft; type_id: string }[]> {
    const missing = new Map<string, { draft: SchemaDraft; type_id: string }>();
    const open = [...root.references];
    for (let reference = open.pop(); reference !== undefined; reference = open.pop()) {
      const { block_type_slug: slug, definition, checksum } = reference;
      const type = this.#store.readType({ slug });
      if (type === undefined)
        return refuse(
          "conflict",
          `Cannot create block schema because block type '${slug}' was not found. Did you forget to register the block type?`,
        );
      if (this.#store.readSchema({ checksum, version: null }) !== undefined) continue;
      const draft = definition === null ? undefined : nested[definition];
      if (draft === undefined)
        return refuse(
          "conflict",
          `Unable to create nested block schema for block type '${slug}' due to missing definition.`,
        );
      if (missing.has(draft.checksum)) continue;
      if (this.#store.readSchema({ checksum: draft.checksum, version: BLOCK_SCHEMA_VERSION_DEFAULT }))
        continue;
      missing.set(draft.checksum, { draft, type_id: type.id });
      open.push(...draft.references);
    }
    missing.delete(root.checksum);
    return accept([...missing.values()]);
  }

  #insertSchema(
    { checksum, fields }: SchemaDraft,
    block_type_id: string,
    capabilities: string[],
    version: string,
  ): BlockSchema {
    const now = this.#now();
    const schema = {
      id: makeUuid(this.#host),
      created: now,
      updated: now,
      checksum,
      fields,
      block_type_id,
      block_type: this.#store.readType({ id: block_type_id }) ?? null,
      capabilities: [...new Set(capabilities)],
      version,
    };
    this.#store.insertSchema(schema);
    return schema;
  }

  /** Says why a document cannot refer to these; undefined where it can. */
  #findReferenceFault(id: string, references: Readonly<Record<string, string>>): string | undefined {
    for (const [name, child] of Object.entries(references)) {
      if (this.#store.readDocument({ id: child }) === undefined)
        return `The field ${name} refers to the block document ${child}, which does not exist.`;
      if (this.#store.refersTo(child, id))
        return `Cannot create block document reference: it would introduce a cycle (parent=${id}, reference=${child}).`;
    }
    return undefined;
  }

  /** Documents with everything that reading them needs. */
  #present(found: string[], known: readonly StoredBlock[] = []): Result<FoundBlocks> {
    const blocks = new Map(known.map((document) => [document.id, document]));
    const open = [...found];
    const seen = new Set<string>();
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (seen.has(id)) continue;
      seen.add(id);
      if (seen.size > found.length + REFERENCED_MAX)
        return refuse("conflict", "These blocks refer to too many others; ask for fewer.");
      const document = blocks.get(id) ?? this.#store.readDocument({ id });
      if (document === undefined) continue;
      blocks.set(id, document);
      open.push(...Object.values(document.references));
    }
    const schemas = new Set([...blocks.values()].map(({ block_schema_id }) => block_schema_id));
    return accept({
      found,
      blocks: Object.fromEntries(blocks),
      schemas: Object.fromEntries(
        [...schemas].flatMap((id) => {
          const schema = this.#store.readSchema({ id });
          return schema === undefined ? [] : [[id, schema]];
        }),
      ),
    });
  }

  #publishType(envelope: Envelope, action: ChangeAction, type: BlockType): void {
    this.#readers.audit(envelope, "block_type", type);
    this.#readers.news.note({ kind: "block-type", action, entry: type });
  }

  #publishDocument(envelope: Envelope, action: ChangeAction, document: StoredBlock): void {
    const schema = this.#store.readSchema({ id: document.block_schema_id });
    const { entry, related } = describeBlock(document, schema);
    this.#readers.audit(envelope, "block_document", entry);
    this.#readers.news.note({ kind: "block-document", action, entry, related });
  }

  #now(): string {
    return formatInstant(this.#host.now());
  }
}
