/**
 * Tells those who listen to events what an object has made, changed or deleted. Nobody may listen, so nothing is written
 * for them here; an event may be lost with the instance.
 */
import { addressOfHub } from "../../contract/envelope.ts";
import type { Event } from "../../contract/wire/events.ts";
import { describeChange, type AnnouncedChange } from "../../domain/events/catalog-event.ts";
import type { ObjectHost } from "./host.ts";
import { TurnNews } from "./turn-news.ts";
import { callUnstored } from "./unstored-call.ts";
import { makeUuid } from "./uuid.ts";

const EVENTS_PER_CALL = 200;

export class ChangeNews {
  readonly #host: ObjectHost;
  readonly #events: TurnNews<Event>;

  constructor(host: ObjectHost) {
    this.#host = host;
    this.#events = new TurnNews(host, (events) => this.#send(events));
  }

  /** An operation has written a record, in the transaction that runs now. */
  note(change: AnnouncedChange): void {
    const host = this.#host;
    this.#events.note(describeChange(change, { id: makeUuid(host), at: host.now() }));
  }

  forget(): void {
    this.#events.forget();
  }

  async #send(events: Event[]): Promise<void> {
    const hub = addressOfHub(this.#host.address.workspace);
    while (events.length > 0)
      await callUnstored(this.#host, hub, "note_events", {
        events: events.splice(0, EVENTS_PER_CALL),
        from: null,
      });
  }
}
