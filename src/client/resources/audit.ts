/** The audit list: what people did. */
import type { AuditEntry } from "../../contract/wire/audit.ts";
import type { Http } from "../http.ts";

/** Which entries, see the API's description. */
export interface AuditFilter {
  /** How the act begins: `limit.` or `limit.update`. */
  act?: string | undefined;
  /** The id of what was acted on, or a part of its name. */
  target?: string | undefined;
  /** A part of who. */
  actor?: string | undefined;
  /** RFC 3339. */
  since?: string | undefined;
  /** The page that follows the entry with this `seq`. */
  before_seq?: number | undefined;
  /** At most 200. */
  limit?: number | undefined;
}

/** `/audit` */
export class Audit {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  /** A page, the newest first. */
  list(filter: AuditFilter = {}): Promise<AuditEntry[]> {
    return this.#http.get("/audit", { query: { ...filter } });
  }
}
