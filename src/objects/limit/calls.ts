/**
 * Calls on a socket: the acquires and releases of a process that makes many. A frame carries several, they share the
 * commits of the limit's turns, and no request is made for them.
 */
import type { z } from "zod";
import { refuse, type Result } from "../../contract/errors.ts";
import { keyOfId } from "../../contract/ids.ts";
import {
  AcquireCall,
  LimitCalls,
  ReleaseCall,
  type Acquire,
  type LimitAnswers,
} from "../../contract/wire/limits.ts";
import { toCommand } from "./operations.ts";
import type { SocketCaller } from "./sockets.ts";

const FRAME_CHARACTERS_MAX = 256 * 1024;

type Execute = (
  operation: "acquire" | "release",
  command: unknown,
  name?: string,
) => Promise<Result<unknown>>;

type Made = Result<unknown> | Promise<Result<unknown>>;

/** Makes the calls of a frame; undefined when it is none. What cannot be read of one call is refused to that one. */
export async function makeCalls(
  { member, run }: SocketCaller,
  message: string | ArrayBuffer,
  execute: Execute,
): Promise<LimitAnswers | undefined> {
  const calls = readCalls(message);
  if (calls === undefined) return undefined;
  const release = ({ lease_id }: z.infer<typeof ReleaseCall>["release"]): Made => {
    // A request finds any lease by its id; here nothing would be released.
    const key = keyOfId(lease_id, "lease");
    return key === undefined || key === member.key
      ? execute("release", { lease_id })
      : refuse("invalid", `Only leases of ${member.name} are released on this socket.`);
  };
  const acquire = (wanted: Acquire): Made => {
    if (wanted.names.some((name) => name !== member.name))
      return refuse("invalid", `Only ${member.name} is acquired on this socket.`);
    const command = toCommand({ ...wanted, wait_seconds: 0 }, [member], { type: "request" }, run);
    return execute("acquire", command, member.name);
  };
  const make = (call: LimitCalls["calls"][number]): Made => {
    if ("release" in call) {
      const { data, error } = ReleaseCall.safeParse(call);
      return data === undefined ? refuseFault(error) : release(data.release);
    }
    const { data, error } = AcquireCall.safeParse(call);
    return data === undefined ? refuseFault(error) : acquire(data.acquire);
  };
  const answers = await Promise.all(calls.map(async (call) => ({ id: call.id, ...(await make(call)) })));
  return { answers };
}

function refuseFault({ issues: [issue] }: z.ZodError): Result<never> {
  return refuse("invalid", `${issue?.path.join(".")}: ${issue?.message}`);
}

function readCalls(message: string | ArrayBuffer): LimitCalls["calls"] | undefined {
  if (typeof message !== "string" || message.length > FRAME_CHARACTERS_MAX) return undefined;
  try {
    return LimitCalls.safeParse(JSON.parse(message)).data?.calls;
  } catch {
    return undefined;
  }
}
