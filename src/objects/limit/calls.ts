/**
 * Calls on a socket: the acquires and releases of a process that makes many. A frame carries several, they share the
 * commits of the limit's turns, and no request is made for them.
 */
import { refuse, type Result } from "../../contract/errors.ts";
import { LimitCall, LimitCalls, type LimitAnswers, type RunIdentity } from "../../contract/wire/limits.ts";
import { toCommand, type AcquireCommand } from "./operations.ts";

/** Carries a {@link CallSocket} on the upgrade that the Worker passes on. Never comes from outside. */
export const CALLER_HEADER = "Sluice-Caller";
const FRAME_CHARACTERS_MAX = 256 * 1024;

/** What a socket for calls is attached to: the limit as the caller knows it, and the run that calls. */
export interface CallSocket {
  member: AcquireCommand["members"][number];
  run: RunIdentity | null;
}

type Execute = (operation: "acquire" | "release", command: unknown) => Promise<Result<unknown>>;

/** Makes the calls of a frame; undefined when it is none. What cannot be read of one call is refused to that one. */
export async function makeCalls(
  { member, run }: CallSocket,
  message: string | ArrayBuffer,
  execute: Execute,
): Promise<LimitAnswers | undefined> {
  const calls = readCalls(message);
  if (calls === undefined) return undefined;
  const make = (call: unknown): Result<unknown> | Promise<Result<unknown>> => {
    const { data } = LimitCall.safeParse(call);
    if (data === undefined) return refuse("invalid", "A call is an acquire or a release.");
    if ("release" in data) return execute("release", data.release);
    const { acquire } = data;
    if (acquire.names.some((name) => name !== member.name))
      return refuse("invalid", `Only ${member.name} is acquired on this socket.`);
    return execute("acquire", toCommand({ ...acquire, wait_seconds: 0 }, [member], { type: "request" }, run));
  };
  const answers = await Promise.all(calls.map(async (call) => ({ id: call.id, ...(await make(call)) })));
  return { answers };
}

function readCalls(message: string | ArrayBuffer): LimitCalls["calls"] | undefined {
  if (typeof message !== "string" || message.length > FRAME_CHARACTERS_MAX) return undefined;
  try {
    return LimitCalls.safeParse(JSON.parse(message)).data?.calls;
  } catch {
    return undefined;
  }
}
