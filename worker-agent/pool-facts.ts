/** What the agent reads of the catalog to prepare runs; kept for a few seconds, so that a burst of runs costs few calls. */
import { z } from "zod";
import { JsonObject, Json, type JsonValue } from "../src/contract/wire/common.ts";
import { isStatus } from "../src/client/errors.ts";
import { segment, type Http } from "../src/client/http.ts";
import type { BlockReference, Lookups } from "./template-references.ts";

const POOL_MS = 30_000;
const DEPLOYMENT_MS = 5_000;

const Pool = z.object({ base_job_template: JsonObject });
const Deployment = z.object({
  name: z.string().optional(),
  entrypoint: z.string().nullish(),
  path: z.string().nullish(),
  pull_steps: Json.optional(),
  job_variables: JsonObject.nullish(),
});
export type Deployment = z.infer<typeof Deployment>;
const Variable = z.object({ value: Json });
const BlockDocument = z.object({ data: JsonObject });

export class PoolFacts implements Lookups {
  readonly #http: Http;
  readonly #pool: string;
  readonly #kept = new Map<string, { until: number; value: Promise<unknown> }>();

  constructor(http: Http, pool: string) {
    this.#http = http;
    this.#pool = pool;
  }

  /** The pool has changed: reads it again when it is needed next. */
  forgetPool(): void {
    this.#kept.delete(this.#poolPath);
  }

  async readTemplate(): Promise<JsonObject> {
    return Pool.parse(await this.#read(this.#poolPath, POOL_MS)).base_job_template;
  }

  async readDeployment(id: string): Promise<Deployment> {
    return Deployment.parse(await this.#read(`/deployments/${id}`, DEPLOYMENT_MS));
  }

  async readVariable(name: string): Promise<JsonValue | undefined> {
    const found = await this.#find(`/variables/name/${segment(name)}`);
    return found === undefined ? undefined : Variable.parse(found).value;
  }

  async readBlock(reference: BlockReference): Promise<JsonObject | undefined> {
    const path =
      "id" in reference
        ? `/block_documents/${segment(reference.id)}`
        : `/block_types/slug/${segment(reference.slug)}/block_documents/name/${segment(reference.name)}`;
    const found = await this.#find(`${path}?include_secrets=true`);
    return found === undefined ? undefined : BlockDocument.parse(found).data;
  }

  get #poolPath(): string {
    return `/work_pools/${segment(this.#pool)}`;
  }

  /** Reads what may not exist. */
  async #find(path: string): Promise<unknown> {
    try {
      return await this.#http.call("GET", path);
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw error;
    }
  }

  #read(path: string, keepMs: number): Promise<unknown> {
    const now = performance.now();
    for (const [key, { until }] of this.#kept) if (until <= now) this.#kept.delete(key);
    const kept = this.#kept.get(path);
    if (kept !== undefined) return kept.value;
    const value = this.#http.call("GET", path);
    this.#kept.set(path, { until: now + keepMs, value });
    // A failed read is not kept.
    value.catch(() => this.#kept.delete(path));
    return value;
  }
}
