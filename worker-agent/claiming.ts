/** When to ask for runs: woken by reasons, by the poll, and only with a session, a free slot and room on the disk. */
import type { ClaimAnswer } from "../src/contract/wire/agents.ts";
import { backoffMs, jitter } from "../src/client/backoff.ts";
import { SluiceApiError } from "../src/client/errors.ts";
import type { Http } from "../src/client/http.ts";
import { Claimer } from "./claimer.ts";
import { hostMs } from "./clock.ts";
import { describeError, type Log } from "./log.ts";
import type { Settings } from "./options.ts";
import { Reconciler, type WakeReason } from "./reconcile.ts";
import type { Session } from "./session.ts";
import type { StateFolder } from "./state-folder.ts";

/** With a healthy socket the poll only guards against a lost wake. */
const POLL_WITH_SOCKET_SECONDS = 60;
/** The limit of a deployment has answered after this long, where nothing is in its way. */
const SLOT_ANSWER_MS = 500;
/** Runs asked for at a time by an agent without a limit. */
const UNLIMITED_AT_A_TIME = 20;
const CLAIM_REASONS: ReadonlySet<WakeReason> = new Set([
  "registered",
  "run_ready",
  "pool_changed",
  "attempt_ended",
  "socket_open",
  "slot_free",
]);

/** What claiming uses of the agent. */
export interface ClaimingTools {
  http: Http;
  log: Log;
  settings: Settings;
  /** How many runs take up a slot of the limit. */
  takenCount: () => number;
  /** The session to claim in, and where its runs are written down; undefined while no runs are wanted. */
  current: () => { session: Session; state: StateFolder } | undefined;
  isSocketHealthy: () => boolean;
  onPoolChanged: () => void;
  /** A claim with new attempt ids goes out now. */
  onAsked: () => void;
  /** The answer of a claim that was sent at `sentAt`. */
  onAnswer: (answer: ClaimAnswer, sentAt: number) => void;
}

export class Claiming {
  readonly #tools: ClaimingTools;
  readonly #claimer: Claimer;
  readonly #reconciler = new Reconciler((reasons) => this.#look(reasons));
  /** Aborted when nobody may be waited for: the answer of a claim, too. */
  readonly #aborting = new AbortController();
  #nextAt = 0;
  #failures = 0;

  constructor(tools: ClaimingTools) {
    this.#tools = tools;
    this.#claimer = new Claimer(tools.http, tools.settings);
  }

  /** Attempts that may have been given to this agent already. */
  get pendingIds(): readonly string[] {
    return this.#claimer.pendingIds;
  }

  wake(reason: WakeReason): void {
    this.#reconciler.wake(reason);
  }

  /** Waits for no answer any more. */
  abort(): void {
    this.#aborting.abort();
  }

  /** No more claims; resolves when the one under way is answered or aborted. */
  close(): Promise<void> {
    return this.#reconciler.close();
  }

  /** One look: takes note of what changed, and claims when there is a reason and room. */
  async #look(reasons: ReadonlySet<WakeReason>): Promise<number> {
    const { current, onPoolChanged } = this.#tools;
    if (reasons.has("pool_changed")) onPoolChanged();
    const now = current();
    if (reasons.has("socket_lost")) this.#lookAgainWithin(this.#pollMs(now?.session));
    if (now === undefined) return this.#pollMs(undefined);
    const isWanted = [...reasons].some((reason) => CLAIM_REASONS.has(reason));
    if (isWanted || hostMs() >= this.#nextAt) {
      this.#nextAt = hostMs() + this.#pollMs(now.session);
      await this.#claim(now.session, now.state);
    }
    return Math.max(50, this.#nextAt - hostMs());
  }

  async #claim(session: Session, state: StateFolder): Promise<void> {
    const { log, settings, takenCount, onAsked, onAnswer } = this.#tools;
    const pending = this.#claimer.pendingIds.length;
    const free = settings.limit === null ? UNLIMITED_AT_A_TIME : settings.limit - takenCount() - pending;
    if (free <= 0 && pending === 0) return;
    if (!this.#hasRoom(state)) return this.#lookAgainWithin(jitter(1000 * settings.pollSeconds));
    const sentAt = hostMs();
    if (pending === 0) onAsked();
    try {
      const { answer, asked } = await this.#claimer.claim(free, session.id, this.#aborting.signal);
      log.clear("claim", "Claims work again.");
      this.#failures = 0;
      onAnswer(answer, sentAt);
      if (answer.claims.length === asked) this.wake("slot_free");
      else if (answer.next_due_in_seconds !== null) this.#lookAgainWithin(answer.next_due_in_seconds * 1000);
      // Others wait for the wake; who runs once stays only as long as the answers are awaited.
      if (settings.isRunOnce && answer.reason === "deployment_full") this.#lookAgainWithin(SLOT_ANSWER_MS);
    } catch (error) {
      if (this.#aborting.signal.aborted) return;
      this.#failures += 1;
      log.writeOnce("claim", "WARNING", `No runs can be claimed: ${describeError(error)}`);
      if (error instanceof SluiceApiError && error.isFinal) session.beatNow();
      const { retryAfterSeconds } = error instanceof SluiceApiError ? error : {};
      this.#nextAt = hostMs() + backoffMs(this.#failures, { maxMs: 10_000, retryAfterSeconds });
    }
  }

  /** A run that cannot be written down is left to others. */
  #hasRoom(state: StateFolder): boolean {
    const { log } = this.#tools;
    try {
      if (state.hasRoom()) {
        log.clear("room", `There is room in ${state.path} again.`);
        return true;
      }
      log.writeOnce("room", "ERROR", `No runs are claimed: ${state.path} is full; make room there.`);
    } catch (error) {
      log.writeOnce("room", "ERROR", `No runs are claimed: ${describeError(error)} (${state.path}).`);
    }
    return false;
  }

  #lookAgainWithin(ms: number): void {
    this.#nextAt = Math.min(this.#nextAt, hostMs() + ms);
  }

  #pollMs(session: Session | undefined): number {
    const { pollSeconds } = this.#tools.settings;
    const withSocket = session?.idlePollSeconds ?? POLL_WITH_SOCKET_SECONDS;
    return jitter(1000 * (this.#tools.isSocketHealthy() ? Math.max(pollSeconds, withSocket) : pollSeconds));
  }
}
