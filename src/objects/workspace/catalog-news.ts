/**
 * Tells those who listen to events what was made, changed or deleted in the catalog. Nobody may listen, so nothing is
 * written for them here; an event may be lost with the instance.
 */
import { addressOfHub, ENVELOPE_VERSION, formatAddress } from "../../contract/envelope.ts";
import type { Event } from "../../contract/wire/events.ts";
import {
  describeCatalogChange,
  type AnnouncedKind,
  type CatalogEntry,
} from "../../domain/events/catalog-event.ts";
import type { ObjectHost } from "../shared/host.ts";
import { makeUuid } from "../shared/uuid.ts";

const EVENTS_PER_CALL = 200;

export class CatalogNews {
  readonly #host: ObjectHost;
  #waiting: Event[] = [];

  constructor(host: ObjectHost) {
    this.#host = host;
  }

  /** An operation has written an entry, in the transaction that runs now. */
  note(kind: AnnouncedKind, operation: string, entry: CatalogEntry): void {
    const host = this.#host;
    const at = host.now();
    this.#waiting.push(describeCatalogChange({ id: makeUuid(host), at, kind, operation, entry }));
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
