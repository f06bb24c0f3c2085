/**
 * The one socket of a tab. Objects that were asked with `Sluice-Watch` tell on it that they have changed, never what:
 * whoever shows something asks again. It hibernates at the server's end, so an open dashboard costs next to nothing.
 */
import { readKey } from "./http.ts";

/** `refused`: the key is not the server's, which asks for it. */
export type LiveState = "connecting" | "open" | "lost" | "refused";

/** From its beginning until the server greets, which is a few ways there and back. */
const GREETING_MS = 15_000;
const RETRY_MS = [500, 1000, 2000, 5000, 10_000];
const PING_MS = 25_000;
const PONG_MS = 10_000;
/** The close code for a wrong key (source: RFC 6455, "policy violation"). */
const REFUSED = 1008;

interface Listener {
  onState?(state: LiveState): void;
  onChanged?(objects: readonly string[]): void;
}

const listeners = new Set<Listener>();
let socket: WebSocket | undefined;
let state: LiveState = "connecting";
let failures = 0;
let retryTimer: ReturnType<typeof setTimeout> | undefined;
/** Of a socket that says nothing. */
let silenceTimer: ReturnType<typeof setTimeout> | undefined;

/** Hears of the socket and of what it tells; returns what ends that. */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function liveState(): LiveState {
  return state;
}

function enter(next: LiveState): void {
  if (state === next) return;
  state = next;
  for (const listener of listeners) listener.onState?.(next);
}

/** Opens the socket, and opens it again whenever it is lost; at once when the tab is looked at. */
export function connect(): void {
  clearTimeout(retryTimer);
  if (socket !== undefined) return;
  const url = new URL("/api/changes", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const opened = new WebSocket(url, "prefect");
  socket = opened;
  silenceTimer = setTimeout(() => lose(opened), GREETING_MS);
  opened.addEventListener("open", () => {
    opened.send(JSON.stringify({ type: "auth", token: readKey() }));
  });
  opened.addEventListener("message", ({ data }) => {
    if (socket === opened) hear(opened, String(data));
  });
  opened.addEventListener("close", ({ code }) => lose(opened, code === REFUSED ? "refused" : "lost"));
  opened.addEventListener("error", () => lose(opened));
}

function hear(opened: WebSocket, data: string): void {
  schedulePing(opened);
  if (data === "pong") return;
  const frame = JSON.parse(data) as { type?: string; objects?: string[] };
  if (frame.type === "auth_success") {
    failures = 0;
    enter("open");
  } else if (frame.type === "changed")
    for (const listener of listeners) listener.onChanged?.(frame.objects ?? []);
}

function schedulePing(opened: WebSocket): void {
  clearTimeout(silenceTimer);
  silenceTimer = setTimeout(() => {
    opened.send("ping");
    silenceTimer = setTimeout(() => lose(opened), PONG_MS);
  }, PING_MS);
}

function lose(opened: WebSocket, to: "lost" | "refused" = "lost"): void {
  if (socket !== opened) return;
  clearTimeout(silenceTimer);
  socket = undefined;
  opened.close();
  enter(to);
  // Another key comes with the page loaded anew, or from another tab.
  if (to === "refused") return;
  const delay = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 10_000;
  failures += 1;
  retryTimer = setTimeout(() => {
    // Who does not look needs nothing; looking connects.
    if (document.visibilityState === "visible") connect();
  }, delay);
}

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && (state === "lost" || state === "refused")) connect();
});

addEventListener("storage", () => {
  if (state === "refused" && readKey() !== null && document.visibilityState === "visible") connect();
});
