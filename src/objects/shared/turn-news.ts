/**
 * What the transactions of an object note for others and send in the background, that of one turn together. Nothing is
 * written for it: it may be lost with the instance.
 */
import type { ObjectHost } from "./host.ts";

export class TurnNews<Item> {
  readonly #host: ObjectHost;
  readonly #deliver: (items: Item[]) => Promise<void>;
  #waiting: Item[] = [];

  constructor(host: ObjectHost, deliver: (items: Item[]) => Promise<void>) {
    this.#host = host;
    this.#deliver = deliver;
  }

  /** In the transaction that runs now. */
  note(item: Item): void {
    this.#waiting.push(item);
    if (this.#waiting.length === 1) this.#host.background(this.#send());
  }

  /** A turn failed: what it noted never was. */
  forget(): void {
    this.#waiting = [];
  }

  /** What a transaction wrote leaves no object before its commit, so neither does its news. */
  async #send(): Promise<void> {
    // What one turn notes goes together.
    await Promise.resolve();
    await this.#deliver(this.#waiting.splice(0));
  }
}
