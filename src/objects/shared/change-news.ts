/**
 * Tells those who listen to events what an object has made, changed or deleted. Nobody may listen, so nothing is written
 * for them here; an event may be lost with the instance.
 */
import { addressOfHub, ENVELOPE_VERSION, formatAddress } from "../../contract/envelope.ts";
import type { Event } from "../../contract/wire/events.ts";
import { describeChange, type AnnouncedChange } from "../../domain/events/catalog-event.ts";
import type { ObjectHost } from "./host.ts";
import { makeUuid } from "./uuid.ts";

const EVENTS_PER_CALL = 200;

export class ChangeNews {
  readonly #host: ObjectHost;
  #waiting: Event[] = [];

  constructor(host: ObjectHost) {
    this.#host = host;
  }

  /** An operation has written a record, in the transaction that runs now. */
  note(change: AnnouncedChange): void {
    const host = this.#host;
    this.#waiting.push(describeChange(change, { id: makeUuid(host), at: host.now() }));
    if (this.#waiting.length === 1) host.background(this.#send());
  }

  /** A turn failed: what it noted never was. */
  forget(): void {
    this.#waiting = [];
  }

  /** What a transaction wrote leaves no object before its commit, so neither does its event. */
  async #send(): Promise<void> {
    // The changes of one turn go together.
    await Promise.resolve();
    const { address } = this.#host;
    for (const events = this.#waiting.splice(0); events.length > 0;)
      await this.#host.call({
        v: ENVELOPE_VERSION,
        address: addressOfHub(address.workspace),
        actor: formatAddress(address),
        request_id: "",
        operation: "note_events",
        command: { events: events.splice(0, EVENTS_PER_CALL), from: null },
      });
  }
}
