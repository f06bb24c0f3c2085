/** Listening to events on a socket: what occurred in the last minutes first, then each as it comes. */
import { on } from "node:events";
import { WebSocket } from "undici";
import type { z } from "zod";
import type { EventFilter, ReceivedEvent } from "../contract/wire/events.ts";
import { SluiceApiError } from "./errors.ts";
import type { Http } from "./http.ts";
import { watchPulse } from "./socket-pulse.ts";

const PATH = "/events/out";
/** Close codes that say what was sent is wrong: asked again, the server would say the same. */
const REFUSALS: ReadonlySet<number> = new Set([1002, 1003, 1007, 1008, 1009]);

/**
 * Opens a socket and gives the events that come on it until the connection ends. Throws {@link SluiceApiError} where it
 * does not open or, by the iterator, where the server refuses the filter.
 */
export async function openEvents(
  http: Http,
  filter: z.input<typeof EventFilter>,
): Promise<AsyncIterable<ReceivedEvent>> {
  const socket = new WebSocket(http.socketUrl(PATH), {
    headers: { ...http.headers },
    dispatcher: http.dispatcher,
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    // A socket that does not open is closed, too; once it was open this comes to nothing.
    socket.addEventListener("close", () => {
      const message = `The server at ${http.apiUrl} cannot be listened to.`;
      reject(new SluiceApiError({ status: 0, code: "interrupted", message }));
    });
  });
  // From here on, so that nothing is missed until somebody reads.
  const messages = on(socket, "message", { close: ["close"] });
  socket.send(JSON.stringify({ type: "filter", filter }));
  return readEvents(socket, messages);
}

async function* readEvents(
  socket: WebSocket,
  messages: NodeJS.AsyncIterator<unknown>,
): AsyncGenerator<ReceivedEvent> {
  let refusal: CloseEvent | undefined;
  socket.addEventListener("close", (event) => {
    if (REFUSALS.has(event.code)) refusal = event;
  });
  const stop = watchPulse(socket, () => void messages.return?.());
  try {
    for await (const [message] of messages as AsyncIterable<[MessageEvent]>) {
      const event = readEvent(message.data);
      if (event !== undefined) yield event;
    }
  } finally {
    stop();
    socket.close();
  }
  if (refusal !== undefined)
    throw new SluiceApiError({ status: 422, code: "invalid", message: refusal.reason });
}

function readEvent(data: unknown): ReceivedEvent | undefined {
  try {
    const frame = JSON.parse(String(data)) as { type?: unknown; event?: ReceivedEvent } | null;
    return frame?.type === "event" ? frame.event : undefined;
  } catch {
    return undefined;
  }
}
