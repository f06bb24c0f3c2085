/** Blocks: typed settings and secrets by name. */
import type { z } from "zod";
import type {
  BlockDocument,
  BlockDocumentCreate,
  BlockDocumentUpdate,
  BlockSchema,
  BlockType,
} from "../../contract/wire/blocks.ts";
import { segment, type Http } from "../http.ts";
import type { FilterObject, PageOptions } from "./page.ts";

interface SecretsOption {
  /** Gives secret values as they are, not as `********`. */
  include_secrets?: boolean;
}

/** `/block_documents`; a block is named by the slug of its type and its own name, or by its id. */
export class Blocks {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  create(block: z.input<typeof BlockDocumentCreate>): Promise<BlockDocument> {
    return this.#http.post("/block_documents/", block);
  }

  read(id: string, { include_secrets }: SecretsOption = {}): Promise<BlockDocument> {
    return this.#http.get(`/block_documents/${segment(id)}`, { query: { include_secrets } });
  }

  readByName(slug: string, name: string, { include_secrets }: SecretsOption = {}): Promise<BlockDocument> {
    const path = `/block_types/slug/${segment(slug)}/block_documents/name/${segment(name)}`;
    return this.#http.get(path, { query: { include_secrets } });
  }

  list(
    filter: PageOptions & SecretsOption & { block_documents?: FilterObject; sort?: string } = {},
  ): Promise<BlockDocument[]> {
    return this.#http.query("/block_documents/filter", filter);
  }

  async update(id: string, changes: z.input<typeof BlockDocumentUpdate>): Promise<void> {
    await this.#http.patch(`/block_documents/${segment(id)}`, changes);
  }

  async delete(id: string): Promise<void> {
    await this.#http.delete(`/block_documents/${segment(id)}`);
  }
}

/** `/block_types` and their schemas. */
export class BlockTypes {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  read(slug: string): Promise<BlockType> {
    return this.#http.get(`/block_types/slug/${segment(slug)}`);
  }

  list(page: PageOptions = {}): Promise<BlockType[]> {
    return this.#http.query("/block_types/filter", page);
  }

  /** Deletes the type with its schemas and blocks. */
  async delete(id: string): Promise<void> {
    await this.#http.delete(`/block_types/${segment(id)}`);
  }

  /** The schemas of a type, the newest first. */
  schemas(id: string, page: PageOptions = {}): Promise<BlockSchema[]> {
    return this.#http.query("/block_schemas/filter", {
      block_schemas: { block_type_id: { any_: [id] } },
      ...page,
    });
  }

  /** Makes the types that every server has; not needed on a server that has been asked for them. */
  async installSystemTypes(): Promise<void> {
    await this.#http.post("/block_types/install_system_block_types", {}, { isRepeatable: true });
  }
}
