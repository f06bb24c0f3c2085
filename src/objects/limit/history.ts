/**
 * Who has held the slots lately, for people to look at. A lease with a request id leaves its trace in the row that keeps
 * the request from being granted again, so it costs nothing. Others (those of Prefect's clients) have no such row: theirs
 * is written only where somebody has looked in the last week, and of the time before it is known that nothing is known.
 */
import { HISTORY_SECONDS } from "../../contract/bounds.ts";
import { accept, refuse, type Result } from "../../contract/errors.ts";
import { instantToMs } from "../../contract/instants.ts";
import type { LeaseEnd, LimitHistory } from "../../contract/wire/limits.ts";
import { doesDecay } from "../../domain/limit/decay.ts";
import { medianEstimateError, toLimitHistory } from "../../domain/limit/history.ts";
import type { EndedSlots, LimitConfig } from "../../domain/limit/types.ts";
import type { EndedKind, Traces } from "./ended-store.ts";
import type { EndedLease } from "./lease-store.ts";
import { STILL_UNKNOWN, type Look } from "./look-store.ts";
import type { LimitStore } from "./store.ts";

const HISTORY_MS = HISTORY_SECONDS * 1000;
const LOOK_LASTS_MS = 7 * 86_400_000;
/** A look is a row no more often than this. */
const LOOK_NOTED_MS = 86_400_000;
/** Live leases that are looked at for the error of estimates. */
const LIVE_MAX = 200;
/** Traces that an instance reads when it is first asked, and keeps from then on. */
const TRACES_MAX = 2000;

/** What people want to know of a lease that ends now; null where it held nothing. */
export function traceOf(
  { kind, request_id: _request, joint_id: _joint, ...held }: EndedLease,
  ended_by: LeaseEnd,
  ended_at: number,
): EndedSlots | null {
  return kind === "reserved" || held.slots === 0 ? null : { ...held, ended_at, ended_by };
}

export class History {
  readonly #store: LimitStore;
  readonly #key: string;
  #look: Look | undefined;
  /** What ended lately, once somebody has asked this instance: then no look reads it again. */
  #recent: Traces | undefined;

  constructor(store: LimitStore, key: string) {
    this.#store = store;
    this.#key = key;
  }

  /** After a failed transaction. */
  forget(): void {
    [this.#look, this.#recent] = [undefined, undefined];
  }

  /** In the transaction in which a lease ends: the row to write for it, if any. */
  note(
    { request_id, fence }: EndedLease,
    trace: EndedSlots | null,
    now: number,
  ): { kind: EndedKind; id: string; trace: EndedSlots | null } | undefined {
    if (request_id === null && (trace === null || !this.#isKept(now))) return undefined;
    if (trace !== null) this.#keep(trace, now);
    return request_id === null
      ? { kind: "lease", id: String(fence), trace }
      : { kind: "request", id: request_id, trace };
  }

  /** Whether anybody wants to know of leases that cost a row; where not, it is noted once that they are not known. */
  #isKept(now: number): boolean {
    const look = (this.#look ??= this.#store.look.read());
    if (now < look.looked_at + LOOK_LASTS_MS) return true;
    if (look.unknown_until !== STILL_UNKNOWN) this.#write({ ...look, unknown_until: STILL_UNKNOWN });
    return false;
  }

  #write(look: Look): void {
    this.#store.look.write(look);
    this.#look = look;
  }

  #load(now: number): Traces {
    const { traces, complete_since } = this.#store.ended.readTraces(now - HISTORY_MS, TRACES_MAX);
    // None is missed from now on.
    return { traces, complete_since: Math.min(now, complete_since) };
  }

  #keep(trace: EndedSlots, now: number): void {
    const recent = this.#recent;
    if (recent === undefined) return;
    recent.traces.push(trace);
    while (recent.traces.length > TRACES_MAX || (recent.traces[0]?.ended_at ?? now) <= now - HISTORY_MS)
      recent.complete_since = Math.max(recent.complete_since, recent.traces.shift()?.ended_at ?? now);
  }

  /** The last leases of which a trace was left, in the order in which they ended; reads so many rows at most. */
  listLast(now: number, max: number): readonly EndedSlots[] {
    const { traces } = this.#recent ?? this.#store.ended.readTraces(now - HISTORY_MS, max);
    return traces.slice(-max);
  }

  /** By how many seconds the estimates of those who got their turn lately were off; null where there are too few. */
  estimateErrorSeconds(now: number): number | null {
    const { traces } = (this.#recent ??= this.#load(now));
    const lately = traces.filter(({ ended_at }) => ended_at > now - HISTORY_MS);
    return medianEstimateError([...this.#store.leases.list(0, LIVE_MAX), ...lately]);
  }

  /** Somebody looks. */
  read(config: LimitConfig, seconds: number, limit: number, now: number): Result<LimitHistory> {
    if (doesDecay(config))
      return refuse(
        "invalid",
        `${config.name} has slot decay: it keeps how full it is, and not who has used it.`,
      );
    const { looked_at, unknown_until } = (this.#look ??= this.#store.look.read());
    if (unknown_until === STILL_UNKNOWN || now > looked_at + LOOK_NOTED_MS)
      this.#write({ looked_at: now, unknown_until: Math.min(now, unknown_until) });
    const recent = (this.#recent ??= this.#load(now));
    return accept(
      toLimitHistory({
        key: this.#key,
        now,
        from: now - Math.round(seconds * 1000),
        limit,
        live: this.#store.leases.list(0, limit),
        ended: recent.traces,
        known_since: Math.max(
          recent.complete_since,
          Math.min(now, unknown_until),
          instantToMs(config.created),
        ),
      }),
    );
  }
}
