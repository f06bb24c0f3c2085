/**
 * The ears of waiters: held requests and open sockets. A waiter itself is a row; an ear only carries its answer.
 *
 * What is said inside a transaction goes out after it: if the transaction fails, it was never said.
 */
import { refuse, type Result } from "../../contract/errors.ts";
import type { Grant, Waiting } from "../../contract/wire/limits.ts";

export type AcquireAnswer = Result<Grant | Waiting>;

/** What the platform gives a limit beyond storage: sockets of waiters, and timers that may be lost at any time. */
export interface EarPlatform {
  hasSocket(waiter_key: string): boolean;
  /** When its client last said on its socket that it is alive; 0 if it never did. */
  pingedAt(waiter_key: string): number;
  /** Sends the answer of an acquire; a grant or refusal is the last frame of its socket. */
  sendAnswer(waiter_key: string, answer: AcquireAnswer): void;
  /** Tells the holder of a lease, should it listen, that the lease was ended. */
  sendEnded(lease_id: string): void;
  /** Runs `body` after `ms` if the object still lives; returns what cancels it. */
  after(ms: number, body: () => void): () => void;
}

/** A platform without sockets and timers. */
export const deafPlatform: EarPlatform = {
  hasSocket: () => false,
  pingedAt: () => 0,
  sendAnswer: () => {},
  sendEnded: () => {},
  after: () => () => {},
};

interface Ear {
  resolve: (answer: AcquireAnswer) => void;
  cancelTimer: () => void;
  /** At most one request of a `Prefect-Csrf-Client` is held. */
  csrf_client: string | null;
  attempt_id: string | null;
}

type Said = { waiter_key: string; answer: AcquireAnswer; ear: Ear | null };

export class Ears {
  readonly #platform: EarPlatform;
  readonly #held = new Map<string, Ear>();
  readonly #heldByClient = new Map<string, string>();
  #said: Said[] = [];
  #opened: string[] = [];
  #takenAway: string[] = [];

  constructor(platform: EarPlatform) {
    this.#platform = platform;
  }

  /** Is somebody there who hears an answer right now, as far as can be known? */
  isHere(waiter_key: string): boolean {
    return this.#held.has(waiter_key) || this.#platform.hasSocket(waiter_key);
  }

  hasSocket(waiter_key: string): boolean {
    return this.#platform.hasSocket(waiter_key);
  }

  pingedAt(waiter_key: string): number {
    return this.#platform.pingedAt(waiter_key);
  }

  /** Which waiter of a `Prefect-Csrf-Client` is held now. */
  heldOfClient(csrf_client: string): string | undefined {
    return this.#heldByClient.get(csrf_client);
  }

  /** The waiters that are held on behalf of an attempt. */
  heldOfAttempt(attempt_id: string): string[] {
    return [...this.#held].filter(([, ear]) => ear.attempt_id === attempt_id).map(([key]) => key);
  }

  /** Holds a request until it is answered, at the latest when `onEnd` does so after `hold_ms`. */
  hold(
    waiter_key: string,
    hold_ms: number,
    who: Pick<Ear, "csrf_client" | "attempt_id">,
    onEnd: () => void,
  ): Promise<AcquireAnswer> {
    return new Promise((resolve) => {
      const ear: Ear = { resolve, ...who, cancelTimer: this.#platform.after(hold_ms, onEnd) };
      this.#keep(waiter_key, ear);
      this.#opened.push(waiter_key);
    });
  }

  /** Answers whoever listens for a waiter, once the transaction that runs now is over. */
  answer(waiter_key: string, answer: AcquireAnswer): void {
    const ear = this.#held.get(waiter_key) ?? null;
    if (ear !== null) this.#drop(waiter_key, ear);
    if (ear === null && !this.#platform.hasSocket(waiter_key)) return;
    if (this.#said.length === 0) queueMicrotask(() => this.speak());
    this.#said.push({ waiter_key, answer, ear });
  }

  /** Tells a waiter on a socket something that does not end its waiting, once the transaction is over. */
  tell(waiter_key: string, answer: AcquireAnswer): void {
    if (this.#said.length === 0) queueMicrotask(() => this.speak());
    this.#said.push({ waiter_key, answer, ear: null });
  }

  /** Tells the holder of a lease that it was ended, once the transaction is over. */
  tellTakenAway(lease_id: string): void {
    if (this.#takenAway.length === 0) queueMicrotask(() => this.speak());
    this.#takenAway.push(lease_id);
  }

  /** Ends a held request, because a newer one has taken its place; a socket is not touched. */
  endHeld(waiter_key: string, answer: AcquireAnswer): void {
    if (this.#held.has(waiter_key)) this.answer(waiter_key, answer);
  }

  /** Sends what was said by transactions that are over. */
  speak(): void {
    const said = this.#said;
    const takenAway = this.#takenAway;
    this.#said = [];
    this.#opened = [];
    this.#takenAway = [];
    for (const lease_id of takenAway) this.#platform.sendEnded(lease_id);
    for (const { waiter_key, answer, ear } of said) {
      if (ear === null) this.#platform.sendAnswer(waiter_key, answer);
      else {
        ear.cancelTimer();
        ear.resolve(answer);
      }
    }
  }

  /** The transaction failed: what it said was never said, whom it began to hold is not held. */
  forget(): void {
    for (const waiter_key of this.#opened) {
      const ear = this.#held.get(waiter_key);
      if (ear === undefined) continue;
      this.#drop(waiter_key, ear);
      ear.cancelTimer();
      ear.resolve(refuse("unavailable", undefined, { retry_after_seconds: 1 }));
    }
    for (const { waiter_key, ear } of this.#said) if (ear !== null) this.#keep(waiter_key, ear);
    this.#said = [];
    this.#opened = [];
    this.#takenAway = [];
  }

  /** Runs `body` after `ms`, if the object still lives. */
  after(ms: number, body: () => void): () => void {
    return this.#platform.after(ms, body);
  }

  #keep(waiter_key: string, ear: Ear): void {
    this.#held.set(waiter_key, ear);
    if (ear.csrf_client !== null) this.#heldByClient.set(ear.csrf_client, waiter_key);
  }

  #drop(waiter_key: string, ear: Ear): void {
    this.#held.delete(waiter_key);
    if (ear.csrf_client !== null && this.#heldByClient.get(ear.csrf_client) === waiter_key)
      this.#heldByClient.delete(ear.csrf_client);
  }
}
