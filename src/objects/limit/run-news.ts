/**
 * Tells the pool of a run which slots the run has held, when it holds them no more: the limit itself forgets them after a
 * while, and the run keeps them. Nothing is written for that here; a word of it may be lost with the instance.
 */
import { addressOfKey } from "../../contract/envelope.ts";
import { keyOfId } from "../../contract/ids.ts";
import type { RunLease } from "../../contract/wire/limits.ts";
import { toPast } from "../../domain/limit/history.ts";
import type { EndedSlots } from "../../domain/limit/types.ts";
import type { ObjectHost } from "../shared/host.ts";
import { TurnNews } from "../shared/turn-news.ts";
import { callUnstored } from "../shared/unstored-call.ts";

const LEASES_PER_CALL = 100;
/** Ended leases that are kept in mind until an event says for which run they were; it comes within moments. */
const UNTIED_MAX = 500;

type Ended = Omit<RunLease, "flow_run_id"> & { flow_run_id: string | null };

export class RunNews {
  readonly #host: ObjectHost;
  readonly #news: TurnNews<RunLease>;
  /** By their ids, those that ended last at the end. */
  readonly #untied = new Map<string, Ended>();

  constructor(host: ObjectHost) {
    this.#host = host;
    this.#news = new TurnNews(host, (leases) => this.#send(leases));
  }

  /**
   * In the transaction in which a lease ends. `isTiedByEvent`: it is that of a client of Prefect's, whose event may come
   * only now.
   */
  note(limit_name: string, trace: EndedSlots, isTiedByEvent: boolean): void {
    const ended = { ...toPast(this.#host.address.key, trace), limit_name };
    if (ended.flow_run_id !== null) this.#news.note({ ...ended, flow_run_id: ended.flow_run_id });
    else if (isTiedByEvent) this.#keepInMind(ended);
  }

  /** An event says for which run a lease was that has ended. */
  tie(lease_id: string, flow_run_id: string): void {
    const ended = this.#untied.get(lease_id);
    if (ended === undefined) return;
    this.#untied.delete(lease_id);
    this.#news.note({ ...ended, flow_run_id });
  }

  /** A turn failed: what it noted never was. */
  forget(): void {
    this.#news.forget();
    this.#untied.clear();
  }

  #keepInMind(ended: Ended): void {
    this.#untied.set(ended.lease_id, ended);
    const [oldest] = this.#untied.keys();
    if (this.#untied.size > UNTIED_MAX && oldest !== undefined) this.#untied.delete(oldest);
  }

  async #send(leases: RunLease[]): Promise<void> {
    const { workspace } = this.#host.address;
    const byPool = Map.groupBy(leases, (lease) => keyOfId(lease.flow_run_id, "flow_run"));
    // Nobody here keeps the runs of other servers.
    byPool.delete(undefined);
    for (const [key = "", told] of byPool)
      while (told.length > 0)
        await callUnstored(this.#host, addressOfKey(workspace, "pool", key), "note_leases", {
          leases: told.splice(0, LEASES_PER_CALL),
        });
  }
}
