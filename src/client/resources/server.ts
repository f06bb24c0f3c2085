/** The server itself. */
import type { JsonObject } from "../../contract/wire/common.ts";
import type { CallOptions, Http } from "../http.ts";

/** Health, version and the catalogue of worker types. */
export class Server {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  /** True when the server answers; throws when it does not. */
  health(options: CallOptions = {}): Promise<boolean> {
    return this.#http.get("/health", options);
  }

  /** The version of Prefect that the server speaks, as Prefect's clients compare it. */
  version(options: CallOptions = {}): Promise<string> {
    return this.#http.get("/admin/version", options);
  }

  /** A read-only collection, such as `aggregate-worker-metadata`. */
  collection(view: string): Promise<JsonObject> {
    return this.#http.get(`/collections/views/${view}`);
  }
}
