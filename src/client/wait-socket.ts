/** Standing in line on a socket: one acquire per socket; what is offered there is taken there, in one round trip. */
import type { z } from "zod";
import { WebSocket } from "undici";
import { ERRORS, type ErrorCode } from "../contract/errors.ts";
import type { Acquire, Grant, Waiting } from "../contract/wire/limits.ts";
import { explainDetail, SluiceApiError } from "./errors.ts";
import type { Http } from "./http.ts";
import { monotonicMs } from "./monotonic.ts";
import { watchPulse } from "./socket-pulse.ts";

export type SocketOutcome =
  /** The lease counts from the moment, on the monotonic clock, when what the server answers was asked. */
  | { type: "granted"; grant: Grant; countsFromMs: number }
  | { type: "refused"; error: SluiceApiError }
  /** The connection ended, or never came to be; the place in line is still there for a while. */
  | { type: "closed"; wasOpen: boolean };

type ServerFrame =
  | ({ type: "granted" } & Grant)
  | ({ type: "waiting" } & Waiting)
  | { type: "refused"; code: string; detail: string };

const PATH = "/v2/concurrency_limits/wait";

/**
 * Waits on one socket until it is granted, refused or closed. When `signal` is aborted the place in line is given up
 * and the signal's reason thrown.
 */
export function waitOnSocket(
  http: Http,
  acquire: z.input<typeof Acquire>,
  { onWaiting, signal }: { onWaiting: (waiting: Waiting) => void; signal: AbortSignal },
): Promise<SocketOutcome> {
  signal.throwIfAborted();
  const socket = new WebSocket(http.socketUrl(PATH), {
    headers: { ...http.headers },
    dispatcher: http.dispatcher,
  });
  return new Promise<SocketOutcome>((resolve, reject) => {
    let wasOpen = false;
    let askedMs = 0;
    let isTaking = false;
    // Words, unlike the protocol's pings, are passed on to the limit: it keeps for a waiter only what that one can ask for.
    const endPulse = watchPulse(
      socket,
      () => finish({ type: "closed", wasOpen }),
      () => socket.send("ping"),
    );
    const onAbort = () => {
      if (wasOpen) socket.send(JSON.stringify({ type: "withdraw" }));
      stop();
      reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    };
    signal.addEventListener("abort", onAbort, { once: true });

    function stop(): void {
      endPulse();
      signal.removeEventListener("abort", onAbort);
      socket.close();
    }
    function finish(outcome: SocketOutcome): void {
      stop();
      resolve(outcome);
    }

    socket.addEventListener("open", () => {
      wasOpen = true;
      askedMs = monotonicMs();
      socket.send(JSON.stringify({ ...acquire, type: "acquire" }));
    });
    socket.addEventListener("message", ({ data }) => {
      const frame = readFrame(data);
      if (frame === undefined || signal.aborted) return;
      if (frame.type === "waiting" && frame.reason === "offered") {
        // An offer may be told twice, and the answer to the first "take" be on its way already.
        if (isTaking) return;
        isTaking = true;
        askedMs = monotonicMs();
        socket.send(JSON.stringify({ type: "take" }));
      } else if (frame.type === "waiting") {
        isTaking = false;
        onWaiting(frame);
      } else if (frame.type === "granted") finish({ type: "granted", grant: frame, countsFromMs: askedMs });
      else finish({ type: "refused", error: toError(frame) });
    });
    socket.addEventListener("error", () => finish({ type: "closed", wasOpen }));
    socket.addEventListener("close", () => finish({ type: "closed", wasOpen }));
  });
}

function readFrame(data: unknown): ServerFrame | undefined {
  try {
    const frame: unknown = JSON.parse(String(data));
    return typeof frame === "object" && frame !== null && "type" in frame
      ? (frame as ServerFrame)
      : undefined;
  } catch {
    return undefined;
  }
}

function toError({ code, detail }: { code: string; detail: string }): SluiceApiError {
  const status = code in ERRORS ? ERRORS[code as ErrorCode].status : 503;
  return new SluiceApiError({ status, code, detail, message: explainDetail(detail) });
}
