/**
 * Calls on a socket: the acquires and releases of a process that makes many. A frame carries several, they share the
 * commits of the limit's turns, and no request is made for them.
 */
import { refuse, type Result } from "../../contract/errors.ts";
import { LimitCall, LimitCalls, type LimitAnswers } from "../../contract/wire/limits.ts";
import { toCommand } from "./operations.ts";
import type { CallSocket } from "./sockets.ts";

const FRAME_CHARACTERS_MAX = 256 * 1024;

/** Asks the object; it refuses a name that is not its own. */
type Execute = (
  operation: "acquire" | "release",
  command: unknown,
  name?: string,
) => Promise<Result<unknown>>;

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
    const command = toCommand({ ...acquire, wait_seconds: 0 }, [member], { type: "request" }, run);
    return execute("acquire", command, member.name);
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
