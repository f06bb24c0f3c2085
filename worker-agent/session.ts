/**
 * The agent's session with its pool: registers, beats by half the session's time, and knows until when the children
 * may work without the server.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { writeCommand } from "../src/contract/commands.ts";
import { marginOfSession } from "../src/contract/margins.ts";
import { SessionAnswer, type Gpu, type SessionBeat } from "../src/contract/wire/agents.ts";
import { backoffMs, pause } from "../src/client/backoff.ts";
import { SluiceApiError } from "../src/client/errors.ts";
import type { Http } from "../src/client/http.ts";
import { hostMs } from "./clock.ts";
import { describeError, type Log } from "./log.ts";
import type { Settings } from "./options.ts";
import type { StateFolder, StopTime } from "./state-folder.ts";

/** A host that sleeps stops every timer, so the clock is looked at this often. */
const LOOK_MS_MAX = 5000;
const GOODBYE_SECONDS = 5;

/** The agent cannot work here; the message says what to do. */
export class AgentRefusedError extends Error {}

export interface SessionEvents {
  /** Attempts to be named in the beat: what runs, and what may have been claimed. */
  namedAttempts(): string[];
  /** Nothing runs, and the pings of an open socket tell the server that the agent lives. */
  isIdle(): boolean;
  /** Attempts that the server may end: those that it has answered a claim with. */
  knownAttempts(): string[];
  /** The pool is there and the worker registered. `known` is what was known when the beat was sent. */
  onAnswer(answer: SessionAnswer, known: ReadonlySet<string>): void;
  /** Children may work for longer. */
  onProlonged(until: StopTime): void;
  /** The server has been silent for too long: children must be gone in time. */
  onLost(until: StopTime): void;
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
  /**
   * An agent that comes back goes on with the session of the one before it, whose death the lock of their folder
   * proves. Everybody else is told by the server that the name is taken.
   */
  readonly id: string;
  readonly #input: SessionInput;
  readonly #path: string;
  readonly #process = { host: hostname(), pid: process.pid, started_at: new Date().toISOString() };
  readonly #closing = new AbortController();
  #poke = new AbortController();
  #workerId: string | undefined;
  #until: StopTime | undefined;
  #stopTimer: NodeJS.Timeout | undefined;
  #isLost = false;
  #nextBeatAt = 0;
  #isBeatAsked = false;
  #failures = 0;
  #idlePollSeconds: number | undefined;
  #hasAnswered = false;
  #hasTriedToCreate = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(input: SessionInput) {
    this.#input = input;
    this.#path = `/work_pools/${encodeURIComponent(input.settings.pool)}/workers`;
    const kept = input.state.readSession();
    this.id = kept?.session_id ?? randomUUID();
    // Children of an earlier agent have the time that its last beat won, not more.
    if (kept?.until !== undefined) this.#setStop(kept.until);
  }

  get workerId(): string | undefined {
    return this.#workerId;
  }

  /** Whether the server has answered lately enough for new work to be taken. */
  get isAlive(): boolean {
    return this.#hasAnswered && !this.#isLost;
  }

  /** How often to ask for runs now, where only a lost wake would be missed; undefined: as if there were no session. */
  get idlePollSeconds(): number | undefined {
    return this.#isQuiet ? this.#idlePollSeconds : undefined;
  }

  /** No beats are needed: the socket's pings stand for them, and the next claim begins the session anew. */
  get #isQuiet(): boolean {
    const mayBe = this.#idlePollSeconds !== undefined && this.#failures === 0 && !this.#isLost;
    return mayBe && this.#input.events.isIdle();
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Beats at once: somebody said that there is something to learn. */
  beatNow(): void {
    this.#isBeatAsked = true;
    this.#poke.abort();
  }

  /** A claim that was sent at `sentAt` (milliseconds of the host's clock) gave runs, and the session lasts so long. */
  renew(sentAt: number, expiresInSeconds: number): void {
    this.#prolong(sentAt, expiresInSeconds * 1000);
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
      const worker = `${this.#path}/${encodeURIComponent(settings.name)}`;
      await http.call("DELETE", `${worker}/session/${this.id}`, { timeoutSeconds: GOODBYE_SECONDS });
    } catch (error) {
      log.write("WARNING", `The goodbye did not arrive: ${describeError(error)}`);
    }
  }

  async #run(): Promise<void> {
    const { log } = this.#input;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      this.#isBeatAsked = false;
      try {
        await this.#beat();
        if (this.#failures > 0) log.clear("session", "The server answers again.");
        this.#failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#failures += 1;
        this.#nextBeatAt = hostMs() + (await this.#handleFault(error));
      }
      await this.#waitUntilDue();
    }
  }

  async #waitUntilDue(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted && !this.#isBeatAsked) {
      const leftMs = this.#nextBeatAt - hostMs();
      if (leftMs <= 0 && !this.#isQuiet) return;
      this.#poke = new AbortController();
      await pause(leftMs > 0 ? leftMs : LOOK_MS_MAX, AbortSignal.any([signal, this.#poke.signal]));
    }
  }

  async #beat(): Promise<void> {
    const { http, settings, gpus, events } = this.#input;
    const sentAt = hostMs();
    const known = new Set(events.knownAttempts());
    const body: SessionBeat = {
      name: settings.name,
      session_id: this.id,
      session_seconds: settings.sessionSeconds,
      process: this.#process,
      limit: settings.limit,
      work_queue_names: settings.workQueues,
      labels: settings.labels,
      gpus,
      version: settings.version,
      attempt_ids: events.namedAttempts(),
    };
    const answer = SessionAnswer.parse(
      await http.call("POST", `${this.#path}/session`, {
        body,
        timeoutSeconds: settings.sessionSeconds / 6,
        signal: this.#closing.signal,
      }),
    );
    this.#workerId = answer.worker_id;
    this.#idlePollSeconds = answer.idle_poll_seconds;
    this.#hasAnswered = true;
    this.#prolong(sentAt, answer.expires_in_seconds * 1000);
    events.onAnswer(answer, known);
  }

  async #handleFault(error: unknown): Promise<number> {
    const { log, settings } = this.#input;
    if (!(error instanceof SluiceApiError) || !error.isFinal) {
      log.writeOnce("session", "WARNING", explainSilence(error, settings));
      const { retryAfterSeconds } = error instanceof SluiceApiError ? error : {};
      return backoffMs(this.#failures, { maxMs: 10_000, retryAfterSeconds });
    }
    // Only at the start: a pool that somebody deletes later stays deleted.
    if (error.status === 404 && !this.#hasAnswered && (await this.#createPool())) return 0;
    const text = explainRefusal(error, settings);
    // Before anything runs a refusal is final; later somebody may put it right while the runs go on. A name that
    // another agent has taken is not coming back.
    if (!this.#hasAnswered || error.status === 409) {
      this.#closing.abort();
      this.#input.events.onRefused(new AgentRefusedError(text));
      return 0;
    }
    log.writeOnce("session", "ERROR", text);
    return backoffMs(this.#failures);
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
      if (error instanceof SluiceApiError && error.status === 409) return true;
      log.writeOnce(
        "pool",
        "WARNING",
        `Work pool "${settings.pool}" could not be created: ${describeError(error)}`,
      );
      return false;
    }
  }

  /** The server keeps the session for so long from `sentAt` on. */
  #prolong(sentAt: number, lifeMs: number): void {
    const { state, events, log } = this.#input;
    const marginMs = 1000 * marginOfSession(lifeMs / 1000);
    const until: StopTime = { stop_at_ms: sentAt + lifeMs - marginMs, end_at_ms: sentAt + lifeMs };
    // A little past half: before that the server need not write, and would not prolong.
    this.#nextBeatAt = Math.max(hostMs() + 100, sentAt + lifeMs * 0.52);
    this.#isLost = false;
    this.#setStop(until);
    events.onProlonged(until);
    try {
      state.saveSession({ session_id: this.id, until });
      log.clear("state", "The state folder can be written again.");
    } catch (error) {
      const text = `The state folder cannot be written: ${describeError(error)}; make room in ${state.path}.`;
      log.writeOnce("state", "ERROR", text);
    }
  }

  #setStop(until: StopTime): void {
    this.#until = until;
    clearTimeout(this.#stopTimer);
    let lostAt = until.stop_at_ms;
    const look = (): void => {
      // Whoever has nothing to stop is cut off a session after it was last known not to be.
      if (this.#isQuiet) lostAt = hostMs() + this.#input.settings.sessionSeconds * 1000;
      const leftMs = lostAt - hostMs();
      if (leftMs > 0) this.#stopTimer = setTimeout(look, Math.min(leftMs, LOOK_MS_MAX));
      else this.#lose(until);
    };
    // Not before the one who makes the session has it in hand.
    this.#stopTimer = setTimeout(look, 0);
  }

  #lose(until: StopTime): void {
    if (this.#until !== until) return;
    this.#isLost = true;
    this.#input.events.onLost(until);
  }
}

function explainRefusal(error: SluiceApiError, { pool, apiUrl }: Settings): string {
  switch (error.status) {
    case 401:
    case 403:
      return `The server at ${apiUrl} refuses the key (status ${error.status}); set SLUICE_API_KEY (or PREFECT_API_KEY, PREFECT_API_AUTH_STRING) to a valid one.`;
    case 404:
      return `There is no work pool "${pool}" at ${apiUrl}, or the server there is not a Sluice; create the pool with \`${writeCommand("work-pool", "create", pool, "--type", "process")}\`.`;
    case 409:
      return error.message;
    default:
      return `The server at ${apiUrl} refuses this worker: ${error.message}`;
  }
}

function explainSilence(error: unknown, { apiUrl }: Settings): string {
  if (error instanceof SluiceApiError) {
    // A Sluice always says why; a proxy before one that is away has these statuses.
    const isOurs =
      error.status === 0 || error.detail !== error.message || [502, 503, 504].includes(error.status);
    const doubt = isOurs ? "" : ` Is ${apiUrl} the address of a Sluice, ending in /api?`;
    return `${error.message}${doubt} Trying again.`;
  }
  return `The answer of the server at ${apiUrl} was not understood; trying again. Is it a Sluice of this version? (${describeError(error).slice(0, 300)})`;
}
