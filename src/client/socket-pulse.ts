/** Finding out that the other end of a socket is gone without a word. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { ping, WebSocket } from "undici";

/** A connection whose other end is gone is found out within two of these. */
const PING_MS = 15_000;
const PONG_CHANNEL = "undici:websocket:pong";

/**
 * Calls `onGone` once the other end of an open socket answers no ping. Returns what ends the watch. `sendPing`: how it is
 * asked, where not by the protocol's own ping; any message is a sign of life.
 */
export function watchPulse(socket: WebSocket, onGone: () => void, sendPing = () => ping(socket)): () => void {
  let isAlive = true;
  const hear = () => {
    isAlive = true;
  };
  const onPong = (message: unknown) => {
    if (isMessageOf(message, socket)) hear();
  };
  const pinger = setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (!isAlive) {
      onGone();
      return;
    }
    isAlive = false;
    sendPing();
  }, PING_MS);
  subscribe(PONG_CHANNEL, onPong);
  socket.addEventListener("message", hear);
  return () => {
    clearInterval(pinger);
    unsubscribe(PONG_CHANNEL, onPong);
    socket.removeEventListener("message", hear);
  };
}

function isMessageOf(message: unknown, socket: WebSocket): boolean {
  return (
    typeof message === "object" && message !== null && "websocket" in message && message.websocket === socket
  );
}
