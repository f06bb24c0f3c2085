/** Passes the socket of a process that calls one limit often on to that limit, which owns it. */
import { addressOfKey } from "../contract/envelope.ts";
import { ERRORS } from "../contract/errors.ts";
import { CALLER_HEADER, type SocketCaller } from "../objects/limit/sockets.ts";
import { findMembers, noteRun, readRun } from "./acquire.ts";
import { fail, type ApiContext } from "./context.ts";
import { passUpgrade, requireUpgrade } from "./upgrade.ts";

/** Prefect's words (source: wire §3.1). */
const NOT_FOUND = "Concurrency Limit not found";

/** Passes an upgrade on: nothing of the socket stays in the Worker. 404 where there is no such limit. */
export async function acceptCaller(c: ApiContext, name: string): Promise<Response> {
  requireUpgrade(c);
  const members = await findMembers(c, [name]);
  const [member] = members;
  if (member === undefined) return fail("not_found", NOT_FOUND);
  const run = readRun(c);
  noteRun(c, { run, members });
  const address = addressOfKey(c.get("workspace"), "limit", member.key);
  const caller: SocketCaller = { member, run };
  const response = await passUpgrade(c, address, {
    [CALLER_HEADER]: encodeURIComponent(JSON.stringify(caller)),
  });
  return response.status === ERRORS.not_found.status ? fail("not_found", NOT_FOUND) : response;
}
