/**
 * The agent's session with its pool: registers, beats by half the session's time, and knows until when the children
 * may work without the server.
 */
import { randomUUID } from "node:crypto";
import { SessionAnswer, type Gpu, type SessionBeat } from "../src/contract/wire/agents.ts";
import { backoffMs, pause } from "./backoff.ts";
import { RefusedError, UnreachableError, describeError, type Http } from "./http.ts";
import type { Log } from "./log.ts";
import type { Settings } from "./options.ts";
import { monotonicMs, type StateFolder } from "./state-folder.ts";

/** Children are stopped this long before the server gives up on the agent: a quarter of the session, 10 s at most. */
const MARGIN_SHARE = 1 / 4;
const MARGIN_MS_MAX = 10_000;
/** So many sessions of ours replaced in a row mean that another agent uses the same name. */
const REPLACED_MAX = 5;
const GOODBYE_MS = 5000;

/** The agent cannot work here; the message says what to do. */
export class AgentRefusedError extends Error {}

export interface SessionEvents {
  /** Attempts to be named in the beat: what runs, and what may have been claimed. */
  namedAttempts(): string[];
  /** Attempts that the server may end: those that it has answered a claim with. */
  knownAttempts(): string[];
  /** The pool is there and the worker registered. `known` is what was known when the beat was sent. */
  onAnswer(answer: SessionAnswer, known: ReadonlySet<string>): void;
  /** The server has been silent for too long: children must be gone within `graceMs`. */
  onLost(graceMs: number): void;
  /** The agent cannot go on. */
  onRefused(error: AgentRefusedError): void;
}

export interface SessionInput {
  http: Http;
  log: Log;
  settings: Settings;
  state: StateFolder;
  gpus: Gpu[];
  events: SessionEvents;
}

export class Session {
  readonly #input: SessionInput;
  readonly #path: string;
  readonly #closing = new AbortController();
  #poke = new AbortController();
  #id = randomUUID();
  #workerId: string | undefined;
  #stopAt: number | undefined;
  #stopTimer: NodeJS.Timeout | undefined;
  #isLost = false;
  #hasAnswered = false;
  #hasTriedToCreate = false;
  #replaced = 0;
  #loop: Promise<void> = Promise.resolve();

  constructor(input: SessionInput) {
    this.#input = input;
    this.#path = `/work_pools/${encodeURIComponent(input.settings.pool)}/workers/session`;
    // Children of an earlier agent have the time that its last beat won, not more.
    const kept = input.state.readStopTime();
    if (kept !== undefined) this.#setStop(kept, MARGIN_MS_MAX);
  }

  get id(): string {
    return this.#id;
  }

  get workerId(): string | undefined {
    return this.#workerId;
  }

  /** Whether the server has answered lately enough for new work to be taken. */
  get isAlive(): boolean {
    return this.#hasAnswered && !this.#isLost;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Beats at once: somebody said that there is something to learn. */
  beatNow(): void {
    this.#poke.abort();
  }

  /** Says goodbye, so that the server need not wait for the end of the session. */
  async end(isGoodbye: boolean): Promise<void> {
    this.#closing.abort();
    this.#poke.abort();
    clearTimeout(this.#stopTimer);
    await this.#loop;
    if (!isGoodbye || !this.#hasAnswered) return;
    const { http, settings, log } = this.#input;
    try {
      const worker = `/work_pools/${encodeURIComponent(settings.pool)}/workers/${encodeURIComponent(settings.name)}`;
      await http.call("DELETE", `${worker}/session/${this.#id}`, { timeoutMs: GOODBYE_MS });
    } catch (error) {
      log.write("WARNING", `The goodbye did not arrive: ${describeError(error)}`);
    }
  }

  async #run(): Promise<void> {
    const { log } = this.#input;
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      let waitMs: number;
      this.#poke = new AbortController();
      try {
        waitMs = await this.#beat();
        if (failures > 0) log.clear("session", "The server answers again.");
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        waitMs = await this.#handleFault(error, failures);
      }
      await pause(waitMs, AbortSignal.any([signal, this.#poke.signal]));
    }
  }

  /** Sends one beat and returns how long to wait until the next. */
  async #beat(): Promise<number> {
    const { http, settings, gpus, state, events } = this.#input;
    const sentAt = monotonicMs();
    const known = new Set(events.knownAttempts());
    const body: SessionBeat = {
      name: settings.name,
      session_id: this.#id,
      session_seconds: settings.sessionSeconds,
      limit: settings.limit,
      work_queue_names: settings.workQueues,
      labels: settings.labels,
      gpus,
      version: settings.version,
      attempt_ids: events.namedAttempts(),
    };
    const answer = SessionAnswer.parse(
      await http.call("POST", this.#path, {
        body,
        timeoutMs: Math.max(1000, (settings.sessionSeconds * 1000) / 6),
        signal: this.#closing.signal,
      }),
    );
    const lifeMs = answer.expires_in_seconds * 1000;
    const marginMs = Math.min(MARGIN_MS_MAX, lifeMs * MARGIN_SHARE);
    this.#workerId = answer.worker_id;
    this.#hasAnswered = true;
    this.#isLost = false;
    this.#setStop(sentAt + lifeMs - marginMs, marginMs);
    state.saveStopTime(sentAt + lifeMs - marginMs);
    events.onAnswer(answer, known);
    // A little past half: before that the server need not write, and would not prolong.
    return Math.max(100, sentAt + lifeMs * 0.52 - monotonicMs());
  }

  async #handleFault(error: unknown, failures: number): Promise<number> {
    const { log, settings, events } = this.#input;
    if (error instanceof RefusedError && !error.isRetryable) {
      if (error.status === 409 || error.status === 410) return this.#renewSession(error, failures);
      // Only at the start: a pool that somebody deletes later stays deleted.
      if (error.status === 404 && !this.#hasAnswered && (await this.#createPool())) return 0;
      const text = explainRefusal(error, settings);
      // Before anything runs a refusal is final; later somebody may put it right while the runs go on.
      if (!this.#hasAnswered) {
        this.#closing.abort();
        events.onRefused(new AgentRefusedError(text));
        return 0;
      }
      log.writeOnce("session", "ERROR", text);
      return backoffMs(failures);
    }
    log.writeOnce("session", "WARNING", explainSilence(error, settings));
    return backoffMs(failures, { maxMs: 10_000 });
  }

  /** The server knows a newer session of this name, or ours is over: begins another, unless somebody fights for the name. */
  #renewSession(error: RefusedError, failures: number): number {
    const { settings, log, events } = this.#input;
    this.#replaced = this.isAlive && failures === 1 ? 1 : this.#replaced + 1;
    if (this.#replaced > REPLACED_MAX) {
      this.#closing.abort();
      const text = `The server keeps ending the sessions of worker "${settings.name}" in pool "${settings.pool}" (${error.message}); another agent probably uses the same name, so start one of them with another --name.`;
      events.onRefused(new AgentRefusedError(text));
      return 0;
    }
    log.write("WARNING", `The session is over (${error.message}); registering again.`);
    this.#id = randomUUID();
    return backoffMs(this.#replaced, { baseMs: 100 });
  }

  async #createPool(): Promise<boolean> {
    const { http, settings, log } = this.#input;
    if (!settings.canCreatePool || this.#hasTriedToCreate) return false;
    this.#hasTriedToCreate = true;
    try {
      await http.call("POST", "/work_pools/", { body: { name: settings.pool, type: settings.poolType } });
      log.write("INFO", `Work pool "${settings.pool}" did not exist and was created.`);
      return true;
    } catch (error) {
      // Somebody else was quicker.
      if (error instanceof RefusedError && error.status === 409) return true;
      log.writeOnce(
        "pool",
        "WARNING",
        `Work pool "${settings.pool}" could not be created: ${describeError(error)}`,
      );
      return false;
    }
  }

  #setStop(at: number, graceMs: number): void {
    this.#stopAt = at;
    clearTimeout(this.#stopTimer);
    this.#stopTimer = setTimeout(() => this.#lose(graceMs), Math.max(0, at - monotonicMs()));
  }

  #lose(graceMs: number): void {
    if (this.#stopAt === undefined || monotonicMs() < this.#stopAt)
      return this.#setStop(this.#stopAt ?? 0, graceMs);
    this.#isLost = true;
    // A part of the margin is kept for KILL and for looking.
    this.#input.events.onLost(graceMs * 0.6);
  }
}

function explainRefusal(error: RefusedError, { pool, apiUrl }: Settings): string {
  switch (error.status) {
    case 401:
    case 403:
      return `The server at ${apiUrl} refuses the key (${error.message}); set SLUICE_API_KEY (or PREFECT_API_KEY, PREFECT_API_AUTH_STRING) to a valid one.`;
    case 404:
      return `There is no work pool "${pool}" at ${apiUrl}, or the server there is not a Sluice; create the pool with \`sluice work-pool create ${JSON.stringify(pool)} --type process\`.`;
    default:
      return `The server at ${apiUrl} refuses this worker: ${error.message}`;
  }
}

function explainSilence(error: unknown, { apiUrl }: Settings): string {
  if (error instanceof RefusedError)
    return `The server at ${apiUrl} cannot answer now (${describeError(error)}); trying again.`;
  if (error instanceof UnreachableError)
    return `The server does not answer: ${error.message}; trying again. Is \`sluice server start\` running, and is the API URL right?`;
  return `The answer of the server at ${apiUrl} was not understood; trying again. Is it a Sluice of this version? (${describeError(error).slice(0, 300)})`;
}
