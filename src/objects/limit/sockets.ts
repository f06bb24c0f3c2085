/**
 * The sockets of waiters, one acquire per socket, of holders, one lease per socket, and of those who call often
 * (`calls.ts`). The first two are found again after hibernation by the tag that names their waiter or lease.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { RunIdentity } from "../../contract/wire/limits.ts";
import type { AcquireAnswer, EarPlatform } from "./ears.ts";
import type { AcquireCommand } from "./operations.ts";

/** Carries the command of an acquire on the upgrade that the Worker passes on. Never comes from outside. */
export const ACQUIRE_HEADER = "Sluice-Acquire";
/** Carries the id of a lease on the upgrade by which its holder asks to hear of its end. Never comes from outside. */
export const WATCH_HEADER = "Sluice-Watch";
/** Carries a {@link SocketCaller} on the upgrade that the Worker passes on. Never comes from outside. */
export const CALLER_HEADER = "Sluice-Caller";
const NORMAL_CLOSURE = 1000;
const TIMER_MS_MAX = 60_000;

/** What the Worker knows of a socket for calls: the limit as its caller names it, and the run that calls. */
export interface SocketCaller {
  member: AcquireCommand["members"][number];
  run: RunIdentity | null;
}

/** What such a socket is attached to. */
export interface CallSocket extends SocketCaller {
  opened_at: number;
}

/** The tag of a waiter's socket. Request ids may be longer than a tag. */
export function tagOf(waiter_key: string): string {
  return bytesToHex(sha256(utf8ToBytes(waiter_key)));
}

/** The answer of an acquire as a frame. */
function toFrame(answer: AcquireAnswer): string {
  if (!answer.ok) {
    const { code, detail } = answer.error;
    return JSON.stringify({ type: "refused", code, detail });
  }
  return JSON.stringify({ type: answer.value.status, ...answer.value });
}

/** What came on a socket; undefined when it is no object with a type. */
export function readFrame(
  message: string | ArrayBuffer,
): { type: string; [field: string]: unknown } | undefined {
  if (typeof message !== "string") return undefined;
  try {
    const frame: unknown = JSON.parse(message);
    const isFrame = typeof frame === "object" && frame !== null && "type" in frame;
    return isFrame && typeof frame.type === "string" ? { ...frame, type: frame.type } : undefined;
  } catch {
    return undefined;
  }
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

/** Tells a holder that its lease was ended: the last word on its socket. */
export function sendEnded(socket: WebSocket): void {
  try {
    socket.send(JSON.stringify({ type: "ended" }));
    socket.close(NORMAL_CLOSURE);
  } catch {
    // It was closed meanwhile; the holder's next renewal tells it.
  }
}

/** The tag of a holder's socket. */
export function tagOfLease(lease_id: string): string {
  return `lease:${lease_id}`;
}

/** Sockets and timers of an object on the platform. */
export function createEarPlatform(state: DurableObjectState): EarPlatform {
  const socketOf = (waiter_key: string): WebSocket | undefined =>
    state.getWebSockets(tagOf(waiter_key)).find((socket) => socket.readyState === WebSocket.OPEN);
  return {
    hasSocket: (waiter_key) => socketOf(waiter_key) !== undefined,
    pingedAt: (waiter_key) => {
      const socket = socketOf(waiter_key);
      return (socket && state.getWebSocketAutoResponseTimestamp(socket)?.getTime()) ?? 0;
    },
    sendAnswer: (waiter_key, answer) => {
      const socket = socketOf(waiter_key);
      if (socket !== undefined) sendAnswer(socket, answer);
    },
    sendEnded: (lease_id) => {
      for (const socket of state.getWebSockets(tagOfLease(lease_id))) sendEnded(socket);
    },
    after: (ms, body) => {
      const timer = setTimeout(body, Math.min(ms, TIMER_MS_MAX));
      return () => clearTimeout(timer);
    },
  };
}
