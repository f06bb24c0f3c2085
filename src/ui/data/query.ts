/** What pages show: answers of the API that are asked for again when their objects change, while the tab is looked at. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, send, type Request } from "./http.ts";
import { listen } from "./live.ts";
import { serverClock } from "./server-clock.ts";

/** Objects tell of changes for so long after they were asked, in seconds. */
const WATCH_SECONDS = 300;
/** So they are asked again in time. */
const RENEW_MS = 240_000;
/** What was not answered is asked again so soon, and then less and less often. */
const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 30_000;
/** However often something changes, it is not asked for more often … */
const PAUSE_MS = 700;
/** … and, where answers take long, for no more than a tenth of the time. */
const PAUSES_PER_ANSWER = 10;
/** Without the socket nobody tells, so everything is asked for this often. */
const POLL_MS = 5000;

export interface Query<Value> {
  /** Undefined until it was answered; then always the latest answer. */
  value: Value | undefined;
  /** When that came, by the server's clock as far as it is known, in milliseconds since the epoch. */
  answered_at: number;
  /** Why the latest try was not answered. */
  error: ApiError | undefined;
}

/** Tells whether a question has no answer, and something is to be said of why. */
export function isUnanswered<Failed extends Pick<Query<unknown>, "value" | "error">>(
  query: Failed,
): query is Failed & { value: undefined; error: ApiError } {
  return query.value === undefined && query.error !== undefined;
}

/** Who asks for the key does so when this is refused. */
export const KEY_QUESTION: Request = { method: "GET", path: "/version" };

/** Nothing was asked yet. */
export const NOTHING: Query<never> = { value: undefined, answered_at: 0, error: undefined };

/** What is asked of the API. */
export interface Question extends Request {
  /** Asked so often whatever changes, for what would cost too much to be told of. */
  everyMs?: number;
}

/** A question whose answers are put together: the next one is asked by what is known. */
export interface Growth<Value> {
  /** However often something changes, it is not asked for more often. */
  readonly pauseMs: number;
  /** As of a {@link Question}. */
  readonly everyMs?: number | undefined;
  /** Null where nothing more is wanted. */
  ask(known: Value | undefined): Request | null;
  join(known: Value | undefined, answer: unknown): Value;
}

class Entry {
  readonly #growth: Growth<unknown>;
  readonly users = new Set<() => void>();
  query: Query<unknown> = NOTHING;
  #objects = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #askedAt = -Infinity;
  #pauseMs: number;
  /** What gives up the question that is under way. */
  #asking: AbortController | undefined;
  #failures = 0;
  #isStale = true;

  constructor(growth: Growth<unknown>) {
    this.#growth = growth;
    this.#pauseMs = growth.pauseMs;
  }

  concerns(objects: readonly string[]): boolean {
    return objects.some((object) => this.#objects.has(object));
  }

  /** Something has changed: asks again as soon as that may be. */
  touch(): void {
    if (this.#growth.everyMs === undefined) this.#isStale = true;
    this.schedule();
  }

  /** As {@link touch}, and waits for what was asked before only where it was just now. */
  renew(): void {
    if (performance.now() - this.#askedAt > this.#pauseMs) this.#asking?.abort();
    this.touch();
  }

  schedule(): void {
    clearTimeout(this.#timer);
    if (this.users.size === 0 || this.#asking !== undefined || document.visibilityState === "hidden") return;
    if (this.#growth.ask(this.query.value) === null) return;
    const age = performance.now() - this.#askedAt;
    const due = this.#isStale ? this.#pauseMs - age : this.#intervalMs() - age;
    this.#timer = setTimeout(() => void this.#ask(), Math.max(0, due));
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #intervalMs(): number {
    const usual = this.#growth.everyMs ?? (isLive ? RENEW_MS : POLL_MS);
    if (this.#failures === 0) return usual;
    return Math.min(usual, RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (this.#failures - 1));
  }

  async #ask(): Promise<void> {
    const request = this.#growth.ask(this.query.value);
    if (request === null) return;
    const asking = new AbortController();
    this.#asking = asking;
    this.#isStale = false;
    this.#askedAt = performance.now();
    try {
      const { value: answer, objects } = await send(request, {
        ...(this.#growth.everyMs === undefined && { watchSeconds: WATCH_SECONDS }),
        signal: asking.signal,
      });
      this.#objects = new Set(objects);
      const value = this.#growth.join(this.query.value, answer);
      this.query = { value, answered_at: serverClock.now(), error: undefined };
      this.#failures = 0;
      this.#pauseMs = Math.max(this.#growth.pauseMs, (performance.now() - this.#askedAt) * PAUSES_PER_ANSWER);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // It is asked anew at once.
      this.#isStale ||= asking.signal.aborted;
      if (asking.signal.aborted) return;
      // A refusal is an answer; what the server could not do it may do the next time.
      this.#failures = error.isPassing ? this.#failures + 1 : 0;
      // What is gone is not shown any longer.
      this.query = { ...(error.status === 404 ? NOTHING : this.query), error };
      // The key was changed, or forgotten in another tab: who asks for it is to hear of that.
      const asksForKey = entries.get(JSON.stringify(KEY_QUESTION));
      if (error.status === 401 && asksForKey !== this) asksForKey?.touch();
    } finally {
      this.#asking = undefined;
      for (const use of this.users) use();
      this.schedule();
    }
  }
}

const entries = new Map<string, Entry>();
let isLive = false;
let wasLost = false;

listen({
  onState: (state) => {
    isLive = state === "open";
    wasLost ||= state === "lost";
    for (const entry of entries.values()) {
      if (!isLive) entry.schedule();
      // What was asked on a way that is lost may never be answered.
      else if (wasLost) entry.renew();
      // What changed while nobody could tell is not known.
      else entry.touch();
    }
  },
  onChanged: (objects) => {
    for (const entry of entries.values()) if (entry.concerns(objects)) entry.touch();
  },
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") refresh();
  else for (const entry of entries.values()) entry.close();
});

/** Asks for everything that is shown again: after an act of this tab, or when it may be out of date. */
export function refresh(): void {
  for (const entry of entries.values()) entry.touch();
}

/** The answer to a request, kept up to date while it is used; null asks for nothing. */
export function useQuery<Value>(request: Request | null): Query<Value> {
  return useQueries<Value>(request === null ? [] : [request])[0] ?? NOTHING;
}

/** As {@link useQuery}; while another request has no answer yet, that of the one before stays. */
export function useLatest<Value>(request: Request | null): Query<Value> {
  return useLast(useQuery<Value>(request));
}

/** The answers to a question that grows, as {@link useLatest}. `key` says which one: the first of a key is asked. */
export function useGrowing<Value>(key: string, growth: Growth<Value>): Query<Value> {
  return useLast(useEntries<Value>([key], () => growth)[0] ?? NOTHING);
}

function useLast<Value>(query: Query<Value>): Query<Value> {
  const last = useRef<Query<Value>>(NOTHING);
  if (query.value !== undefined) last.current = query;
  return query.value === undefined && query.error === undefined ? last.current : query;
}

/** The answers to several requests, in their order. */
export function useQueries<Value>(requests: readonly Question[]): Query<Value>[] {
  return useEntries<Value>(
    requests.map((request) => JSON.stringify(request)),
    (key) => askAnew(JSON.parse(key) as Question),
  );
}

/** Each answer takes the place of the one before. */
function askAnew({ everyMs, ...request }: Question): Growth<unknown> {
  return { pauseMs: PAUSE_MS, everyMs, ask: () => request, join: (_, answer) => answer };
}

function useEntries<Value>(
  keys: readonly string[],
  growthOf: (key: string) => Growth<unknown>,
): Query<Value>[] {
  const [, setTick] = useState(0);
  const all = keys.join("\n");
  useEffect(() => {
    const use = (): void => setTick((tick) => tick + 1);
    const used = keys.map((key) => {
      const entry = entries.get(key) ?? new Entry(growthOf(key));
      entries.set(key, entry);
      entry.users.add(use);
      entry.schedule();
      return { key, entry };
    });
    // What others have asked already is known at once.
    if (used.some(({ entry }) => entry.query.value !== undefined)) use();
    return () => {
      for (const { key, entry } of used) {
        entry.users.delete(use);
        if (entry.users.size > 0) continue;
        entry.close();
        entries.delete(key);
      }
    };
  }, [all]);
  return keys.map((key) => (entries.get(key)?.query ?? NOTHING) as Query<Value>);
}
