/** The sockets of waiters: one acquire per socket, found again after hibernation by the tag that names its waiter. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { AcquireAnswer, EarPlatform } from "./ears.ts";

/** Carries the command of an acquire on the upgrade that the Worker passes on. Never comes from outside. */
export const ACQUIRE_HEADER = "Sluice-Acquire";
const NORMAL_CLOSURE = 1000;
const TIMER_MS_MAX = 60_000;

/** The tag of a waiter's socket. Request ids may be longer than a tag. */
export function tagOf(waiter_key: string): string {
  return bytesToHex(sha256(utf8ToBytes(waiter_key)));
}

/** The answer of an acquire as a frame. */
export function toFrame(answer: AcquireAnswer): string {
  if (!answer.ok) {
    const { code, detail } = answer.error;
    return JSON.stringify({ type: "refused", code, detail });
  }
  return JSON.stringify({ type: answer.value.status, ...answer.value });
}

/** Sends an answer; a grant or a refusal is the last word, and the socket is closed behind it. */
export function sendAnswer(socket: WebSocket, answer: AcquireAnswer): void {
  try {
    socket.send(toFrame(answer));
    if (!answer.ok || answer.value.status === "granted") socket.close(NORMAL_CLOSURE);
  } catch {
    // It was closed meanwhile; its lease ends by its first deadline.
  }
}

/** Sockets and timers of an object on the platform. */
export function createEarPlatform(state: DurableObjectState): EarPlatform {
  const socketOf = (waiter_key: string): WebSocket | undefined =>
    state.getWebSockets(tagOf(waiter_key)).find((socket) => socket.readyState === WebSocket.OPEN);
  return {
    hasSocket: (waiter_key) => socketOf(waiter_key) !== undefined,
    sendAnswer: (waiter_key, answer) => {
      const socket = socketOf(waiter_key);
      if (socket !== undefined) sendAnswer(socket, answer);
    },
    after: (ms, body) => {
      const timer = setTimeout(body, Math.min(ms, TIMER_MS_MAX));
      return () => clearTimeout(timer);
    },
  };
}
