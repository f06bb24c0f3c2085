/** Global concurrency limits, and tag limits as the older view of them. */
import type { z } from "zod";
import type {
  Acquire,
  Grant,
  LeaseRecord,
  Limit,
  LimitCreate,
  LimitHistory,
  LimitPreview,
  LimitUpdate,
  PreviewedLimit,
  TagLimit,
  WaiterRecord,
  Waiting,
  WaiterMove,
} from "../../contract/wire/limits.ts";
import { EXPIRES_IN_HEADER } from "../../contract/headers.ts";
import { segment, type CallOptions, type Http } from "../http.ts";
import { LimitSockets } from "../limit-sockets.ts";
import type { PageOptions } from "./page.ts";

const ROOT = "/v2/concurrency_limits";

/** `/v2/concurrency_limits`; a limit is named by its name or its id. */
export class Limits {
  readonly #http: Http;
  readonly #sockets: LimitSockets;
  constructor(http: Http) {
    this.#http = http;
    this.#sockets = http.share(LimitSockets);
  }

  create(limit: LimitCreate): Promise<Limit> {
    return this.#http.post(`${ROOT}/`, limit);
  }

  read(nameOrId: string): Promise<Limit> {
    return this.#http.get(`${ROOT}/${segment(nameOrId)}`);
  }

  list(page: PageOptions = {}): Promise<Limit[]> {
    return this.#http.query(`${ROOT}/filter`, page);
  }

  async update(nameOrId: string, changes: LimitUpdate): Promise<void> {
    await this.#http.patch(`${ROOT}/${segment(nameOrId)}`, changes);
  }

  /** What a change of the limit, or a lease taken away, would do at once to those who wait; nothing is changed. */
  previewChange(nameOrId: string, change: PreviewedLimit): Promise<LimitPreview> {
    return this.#http.query(`${ROOT}/${segment(nameOrId)}/preview_change`, change);
  }

  /** A limit with waiters is deleted only by force: deleting it lets Prefect's clients through. */
  async delete(nameOrId: string, { force }: { force?: boolean } = {}): Promise<void> {
    await this.#http.delete(`${ROOT}/${segment(nameOrId)}`, { query: { force } });
  }

  holders(nameOrId: string, page: { after_fence?: number; limit?: number } = {}): Promise<LeaseRecord[]> {
    return this.#http.get(`${ROOT}/${segment(nameOrId)}/holders`, { query: page });
  }

  /** Who has held the slots in the last `seconds`, 900 at most; not of a limit with slot decay. */
  history(nameOrId: string, page: { seconds?: number; limit?: number } = {}): Promise<LimitHistory> {
    return this.#http.get(`${ROOT}/${segment(nameOrId)}/history`, { query: page });
  }

  waiters(nameOrId: string, page: PageOptions = {}): Promise<WaiterRecord[]> {
    return this.#http.get(`${ROOT}/${segment(nameOrId)}/waiters`, { query: { ...page } });
  }

  /**
   * One try, held by the server for `wait_seconds`; `concurrency()` is what waits, renews and releases. Whoever acquires
   * a limit often does so on a socket, and releases there.
   */
  acquire(acquire: z.input<typeof Acquire>, options: CallOptions = {}): Promise<Grant | Waiting> {
    return this.#sockets.acquire(acquire, options, () =>
      this.#http.post(`${ROOT}/acquire`, acquire, {
        isRepeatable: true,
        timeoutSeconds: (acquire.wait_seconds ?? 0) + 10,
        ...options,
      }),
    );
  }

  /** Leaves the line. A grant that is on its way is released. */
  async withdraw(names: string[], requestId: string, options: CallOptions = {}): Promise<void> {
    await this.#http.post(
      `${ROOT}/withdraw`,
      { names, request_id: requestId },
      { isRepeatable: true, ...options },
    );
  }

  /**
   * Extends a lease by what it was granted for, and returns the seconds until it ends, to be counted from the moment
   * the request was sent. 410: it has ended.
   */
  async renew(leaseId: string, options: CallOptions = {}): Promise<number> {
    const { headers } = await this.#http.send("POST", this.renewPath(leaseId), {
      isRepeatable: true,
      ...options,
      body: {},
    });
    return Number(headers[EXPIRES_IN_HEADER.toLowerCase()]);
  }

  /** Where {@link renew} posts to. */
  renewPath(leaseId: string): string {
    return `${ROOT}/leases/${segment(leaseId)}/renew`;
  }

  /** Where the holder of a lease hears of its end. */
  watchPath(leaseId: string): string {
    return `${ROOT}/leases/${segment(leaseId)}/watch`;
  }

  /** Gives the slots back. Releasing twice is the same as once. */
  release(leaseId: string, options: CallOptions = {}): Promise<void> {
    return this.#sockets.release(leaseId, options, () =>
      this.#http.post(
        `${ROOT}/decrement-with-lease`,
        { lease_id: leaseId },
        { isRepeatable: true, ...options },
      ),
    );
  }

  /** Ends a lease whoever holds it; its holder's calls are refused from then on. */
  async forceRelease(leaseId: string): Promise<void> {
    await this.#http.post(`${ROOT}/leases/${segment(leaseId)}/force_release`, {}, { isRepeatable: true });
  }

  /** Moves a waiter in line. */
  async moveWaiter(nameOrId: string, waiterId: string, move: WaiterMove): Promise<void> {
    await this.#http.patch(`${ROOT}/${segment(nameOrId)}/waiters/${segment(waiterId)}`, move);
  }
}

/** `/concurrency_limits`: limits on task tags, a view over the limits named `tag:<tag>`. */
export class TagLimits {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  /** Creates the limit, or changes the one that is there. */
  put(tag: string, concurrencyLimit: number): Promise<TagLimit> {
    return this.#http.post(
      "/concurrency_limits/",
      { tag, concurrency_limit: concurrencyLimit },
      { isRepeatable: true },
    );
  }

  list(page: PageOptions = {}): Promise<TagLimit[]> {
    return this.#http.query("/concurrency_limits/filter", page);
  }

  read(tag: string): Promise<TagLimit> {
    return this.#http.get(`/concurrency_limits/tag/${segment(tag)}`);
  }

  async reset(tag: string, slotOverride: string[] | null = null): Promise<void> {
    await this.#http.post(
      `/concurrency_limits/tag/${segment(tag)}/reset`,
      { slot_override: slotOverride },
      { isRepeatable: true },
    );
  }

  async delete(tag: string): Promise<void> {
    await this.#http.delete(`/concurrency_limits/tag/${segment(tag)}`);
  }
}
