/**
 * Hearing at once that the server has ended a lease. Nothing depends on it: where no socket passes, or one breaks without
 * a word, the next renewal tells the same.
 */

/** Work that is over sooner needs no socket. */
const FIRST_OPEN_MS = 1000;
const REOPEN_MS = 15_000;

export interface Watched {
  url: string;
  headers: Record<string, string>;
}

/** Calls `onEnded` when the server says that the lease was ended, until `signal` ends the watch. */
export function watchLease({ url, headers }: Watched, signal: AbortSignal, onEnded: () => void): void {
  let socket: WebSocket | undefined;
  let timer = later(FIRST_OPEN_MS);
  signal.addEventListener("abort", stop, { once: true });

  function later(ms: number): NodeJS.Timeout {
    return setTimeout(open, ms).unref();
  }
  function open(): void {
    socket = new WebSocket(url, { headers });
    socket.addEventListener("message", ({ data }) => {
      if (!isEnd(data)) return;
      stop();
      onEnded();
    });
    // A failed opening is an error and a close: the close sees to both.
    socket.addEventListener("close", () => {
      if (!signal.aborted) timer = later(REOPEN_MS);
    });
  }
  function stop(): void {
    clearTimeout(timer);
    socket?.close();
  }
}

function isEnd(data: unknown): boolean {
  try {
    return (JSON.parse(String(data)) as { type?: unknown } | null)?.type === "ended";
  } catch {
    return false;
  }
}
