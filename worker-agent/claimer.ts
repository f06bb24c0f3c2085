/** Asking for runs. Attempt ids are kept until the server has answered, so a lost answer is asked for again. */
import { randomUUID } from "node:crypto";
import { CLAIM_ATTEMPTS_MAX } from "../src/contract/bounds.ts";
import { ClaimAnswer, type Claim } from "../src/contract/wire/agents.ts";
import { SluiceApiError } from "../src/client/errors.ts";
import type { Http } from "../src/client/http.ts";
import type { Settings } from "./options.ts";

export class Claimer {
  readonly #http: Http;
  readonly #settings: Settings;
  readonly #path: string;
  #pending: string[] = [];

  constructor(http: Http, settings: Settings) {
    this.#http = http;
    this.#settings = settings;
    this.#path = `/work_pools/${encodeURIComponent(settings.pool)}/claim`;
  }

  /** Attempts that may have been given to this agent already; each takes up a slot of its limit. */
  get pendingIds(): readonly string[] {
    return this.#pending;
  }

  /**
   * Claims up to `free` runs, the ones of a claim without an answer included. A refusal (4xx) has changed nothing and
   * ends the claim, unless it only speaks of the session; any other fault leaves it open to be repeated.
   */
  async claim(
    free: number,
    sessionId: string,
    signal: AbortSignal,
  ): Promise<{ answer: ClaimAnswer; asked: number }> {
    if (this.#pending.length === 0)
      this.#pending = Array.from({ length: Math.min(free, CLAIM_ATTEMPTS_MAX) }, () => randomUUID());
    const attempt_ids = [...this.#pending];
    const body: Claim = {
      worker_name: this.#settings.name,
      session_id: sessionId,
      attempt_ids,
      work_queue_names: this.#settings.workQueues,
    };
    try {
      const answer = ClaimAnswer.parse(await this.#http.call("POST", this.#path, { body, signal }));
      this.#pending = [];
      return { answer, asked: attempt_ids.length };
    } catch (error) {
      const isOver =
        error instanceof SluiceApiError && error.isFinal && error.status !== 409 && error.status !== 410;
      if (isOver) this.#pending = [];
      throw error;
    }
  }
}
