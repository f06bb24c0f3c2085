/** Following events, across restarts of the server and broken connections. */
import type { z } from "zod";
import type { Client } from "../../client/index.ts";
import { pause } from "../../client/backoff.ts";
import { openEvents } from "../../client/event-socket.ts";
import type { EventFilter, ReceivedEvent } from "../../contract/wire/events.ts";
import { Patience, SILENCE_PAUSE_MS, type PatienceOptions } from "./patience.ts";

/** What occurred this long before is shown first, as Prefect's clients do (source: wire §2.9). */
const BEFORE_MS = 60_000;
/** Ids that are remembered: twice the events that one replay sends. */
const SEEN_MAX = 20_000;

/**
 * Gives the events that a filter means, each once, without end. A connection that was lost is taken up with the same
 * filter: the server sends what occurred since then again, up to 15 minutes of it, and what is known is left out.
 */
export async function* followEvents(
  api: Client,
  wanted: Omit<z.input<typeof EventFilter>, "occurred">,
  options: PatienceOptions,
): AsyncGenerator<ReceivedEvent> {
  const filter = { ...wanted, occurred: { since: new Date(Date.now() - BEFORE_MS).toISOString() } };
  // A server that cannot be asked at all is told at once; a socket does not say why it does not open.
  await api.server.version();
  const patience = new Patience(options);
  const seen = new Set<string>();
  for (;;) {
    for await (const event of await patience.read(() => openEvents(api.http, filter))) {
      // The ids that came last are kept, those of a replay among them.
      const isKnown = seen.delete(event.id);
      seen.add(event.id);
      if (isKnown) continue;
      for (const oldest of seen) {
        if (seen.size <= SEEN_MAX) break;
        seen.delete(oldest);
      }
      yield event;
    }
    await pause(SILENCE_PAUSE_MS);
  }
}
