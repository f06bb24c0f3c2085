/** What the agent reads of the catalog to prepare runs; kept for a few seconds, so that a burst of runs costs few calls. */
import { z } from "zod";
import { JsonObject, Json, type JsonValue } from "../src/contract/wire/common.ts";
import { RefusedError, type Http } from "./http.ts";

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

export class PoolFacts {
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

  /** The value of a variable, undefined when it does not exist. */
  async readVariable(name: string): Promise<JsonValue | undefined> {
    try {
      const path = `/variables/name/${encodeURIComponent(name)}`;
      return Variable.parse(await this.#http.call("GET", path)).value;
    } catch (error) {
      if (error instanceof RefusedError && error.status === 404) return undefined;
      throw error;
    }
  }

  get #poolPath(): string {
    return `/work_pools/${encodeURIComponent(this.#pool)}`;
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
