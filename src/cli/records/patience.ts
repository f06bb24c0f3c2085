/** Waiting for a server that is away: whoever follows something goes on once it is back. */
import { SluiceApiError } from "../../client/index.ts";
import { pause } from "../../client/backoff.ts";
import type { Cli } from "../framework/cli.ts";

export interface PatienceOptions {
  /** Called once each time the server falls silent, with the reason. */
  onSilence?: (reason: string) => void;
  /** Gives up after this long. */
  timeoutSeconds?: number | undefined;
}

/** A server that is started again is waited for, this long. */
const SILENCE_MS_MAX = 300_000;
export const SILENCE_PAUSE_MS = 500;

/** Repeats looks that get no answer: the run goes on while the server is away, so whoever watches it does, too. */
export class Patience {
  readonly #options: PatienceOptions;
  readonly #startedAt = performance.now();
  #silentSince: number | undefined;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  async read<Answer>(look: () => Promise<Answer>, signal?: AbortSignal): Promise<Answer> {
    for (;;) {
      try {
        const answer = await look();
        this.#silentSince = undefined;
        return answer;
      } catch (error) {
        if (signal?.aborted || !this.#canWait(error)) throw error;
        await pause(SILENCE_PAUSE_MS, signal);
      }
    }
  }

  #canWait(error: unknown): boolean {
    const isPassing =
      error instanceof SluiceApiError && !error.isFinal && (error.status === 0 || error.status === 503);
    if (!isPassing) return false;
    const now = performance.now();
    if (this.#silentSince === undefined) {
      this.#silentSince = now;
      this.#options.onSilence?.(error.message);
    }
    const { timeoutSeconds = Number.POSITIVE_INFINITY } = this.#options;
    return now - this.#silentSince < SILENCE_MS_MAX && now - this.#startedAt < timeoutSeconds * 1000;
  }
}

/** Says that nothing new is seen because the server is away, and `meanwhile`. */
export function tellSilence(cli: Cli, reason: string, meanwhile: string): void {
  cli.note(`${reason.replace(/;.*$/s, "").replace(/\.$/, "")}; ${meanwhile}.`);
}
