/** Upgrades to sockets on their way to the objects that own them. */
import { formatAddress, type ObjectAddress } from "../contract/envelope.ts";
import { stubOf } from "../objects/shared/stub.ts";
import { fail, type ApiContext } from "./context.ts";

/** Refuses a request that does not ask for a socket. */
export function requireUpgrade(c: ApiContext): void {
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket")
    fail("bad_request", "This is a socket: ask with `Upgrade: websocket`.");
}

/** Hands the socket to an object, which learns from the headers whose it is; what it answers is for the caller. */
export function passUpgrade(
  c: ApiContext,
  address: ObjectAddress,
  headers: Record<string, string>,
): Promise<Response> {
  return stubOf(c.env, address).fetch(`https://objects/${formatAddress(address)}`, {
    headers: { upgrade: "websocket", ...headers },
  });
}
