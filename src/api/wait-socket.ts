/**
 * `GET /v2/concurrency_limits/wait`: a socket on which one acquire waits. The Worker reads the acquire, finds its home
 * and passes frames on: `take` for what is offered, `withdraw` to leave, and `ping`, by which the home knows that its
 * waiter is still there: the end of a machine, or of its network, closes no socket.
 */
import { addressOfName } from "../contract/envelope.ts";
import { refuse, type Refusal } from "../contract/errors.ts";
import { Acquire, type Grant } from "../contract/wire/limits.ts";
import { toCommand } from "../objects/limit/operations.ts";
import { ACQUIRE_HEADER, readFrame } from "../objects/limit/sockets.ts";
import { findMembers, grantNothing, noteRun, readRun } from "./acquire.ts";
import { ApiError, type ApiContext } from "./context.ts";
import { passUpgrade } from "./upgrade.ts";

const FIRST_FRAME_MS = 10_000;
const NORMAL_CLOSURE = 1000;
const POLICY_VIOLATION = 1008;
const FRAME_CHARACTERS_MAX = 64 * 1024;

/** Accepts a waiter's socket. */
export function acceptWaiter(c: ApiContext): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  const run = readRun(c);
  // Frames that come while the home is being reached follow when it is.
  let home: Home | undefined;
  const waiting: string[] = [];
  const passOn = (frame: string): void => {
    const type = readFrame(frame)?.type;
    if (type === "take") home?.socket.send(home.acquire);
    else if (type === "withdraw") home?.socket.send(frame);
    else server.close(POLICY_VIOLATION, "Only take and withdraw can be said here.");
  };
  let isAsked = false;
  const timer = setTimeout(() => server.close(POLICY_VIOLATION, "No acquire came."), FIRST_FRAME_MS);
  server.addEventListener("message", ({ data }) => {
    if (typeof data !== "string" || data.length > FRAME_CHARACTERS_MAX) {
      server.close(POLICY_VIOLATION, "Frames are JSON text.");
      return;
    }
    if (data === "ping") {
      // An answer that has closed it may be on its way.
      if (server.readyState !== WebSocket.OPEN) return;
      // Home answers it without being woken, and knows by it that the waiter is alive.
      if (home === undefined) server.send("pong");
      else home.socket.send(data);
    } else if (isAsked) {
      if (home === undefined) waiting.push(data);
      else passOn(data);
    } else {
      isAsked = true;
      clearTimeout(timer);
      const reach = async (): Promise<void> => {
        home = await reachHome(c, server, data, run);
        const isOpen = server.readyState === WebSocket.OPEN;
        // Who has left for good before it was reached may hold slots there by now.
        for (const frame of waiting) if (isOpen || readFrame(frame)?.type === "withdraw") passOn(frame);
        if (!isOpen) home?.socket.close(NORMAL_CLOSURE);
      };
      c.executionCtx.waitUntil(reach());
    }
  });
  const leave = (): void => {
    clearTimeout(timer);
    home?.socket.close(NORMAL_CLOSURE);
  };
  server.addEventListener("close", ({ code }) => {
    server.close(code === 1005 || code === 1006 || code === 1015 ? NORMAL_CLOSURE : code);
    leave();
  });
  server.addEventListener("error", leave);
  return new Response(null, { status: 101, webSocket: client });
}

/** Where the acquire of a socket waits. */
interface Home {
  socket: WebSocket;
  /** The frame that asks once more: it takes what was offered, or keeps the place. */
  acquire: string;
}

/** Reads the acquire and lets it wait at its home; undefined when it was answered here. */
async function reachHome(
  c: ApiContext,
  socket: WebSocket,
  frame: string,
  run: ReturnType<typeof readRun>,
): Promise<Home | undefined> {
  const wanted = readAcquire(frame);
  if (wanted === undefined) {
    refuseOn(socket, refuse("invalid", "The first frame is an acquire.").error);
    return undefined;
  }
  try {
    const members = await findMembers(c, wanted.names);
    const command = toCommand(wanted, members, { type: "socket" }, run);
    const [first] = members;
    if (first === undefined) {
      grantOn(socket, grantNothing(command.lease_seconds));
      return undefined;
    }
    noteRun(c, command);
    const address = addressOfName(c.get("workspace"), "limit", first.name);
    const response = await passUpgrade(c, address, {
      [ACQUIRE_HEADER]: encodeURIComponent(JSON.stringify(command)),
    });
    const home = response.webSocket;
    if (home === null || home === undefined) throw new Error(`The limit answered ${response.status}.`);
    home.accept();
    home.addEventListener("message", ({ data }) => {
      if (typeof data !== "string" || socket.readyState !== WebSocket.OPEN) return;
      if (data === "pong") {
        socket.send(data);
        return;
      }
      // A limit that does not exist holds nobody back.
      const { type, code } = JSON.parse(data) as { type: string; code?: string };
      if (type === "refused" && code === "not_found") {
        // The others still hold back: who asks again finds them without this one.
        if (members.length > 1) refuseOn(socket, refuse("unavailable").error);
        else grantOn(socket, grantNothing(command.lease_seconds));
      } else socket.send(data);
    });
    home.addEventListener("close", ({ code, reason }) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      socket.close(code === 1005 || code === 1006 ? 1011 : code, reason);
    });
    return { socket: home, acquire: JSON.stringify({ type: "acquire", command }) };
  } catch (error) {
    refuseOn(socket, error instanceof ApiError ? error.refusal : refuse("unavailable").error);
    return undefined;
  }
}

function readAcquire(text: string): Acquire | undefined {
  const { type, ...acquire } = readFrame(text) ?? {};
  const parsed = Acquire.safeParse(acquire);
  return type === "acquire" && parsed.success ? parsed.data : undefined;
}

function grantOn(socket: WebSocket, grant: Grant): void {
  socket.send(JSON.stringify({ type: "granted", ...grant }));
  socket.close(NORMAL_CLOSURE);
}

function refuseOn(socket: WebSocket, { code, detail }: Refusal): void {
  socket.send(JSON.stringify({ type: "refused", code, detail }));
  socket.close(NORMAL_CLOSURE);
}
