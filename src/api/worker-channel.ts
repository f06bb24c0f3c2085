/** Passes the channel of a Prefect worker on to its pool, which owns it (source: wire §3.6). */
import { addressOfWorkspace, type AddressOf } from "../contract/envelope.ts";
import { CHANNEL_HEADER, POOL_NAME_HEADER } from "../objects/pool/channel.ts";
import { judgeAuthorization } from "../objects/shared/key.ts";
import { stubOf } from "../objects/shared/stub.ts";
import { call, fail, type ApiContext } from "./context.ts";

/**
 * Passes an upgrade on. Whoever comes without the key shows it in the first frame, so only pools that exist are asked;
 * 404 makes a worker do over HTTP what the channel is for.
 */
export async function acceptWorkerChannel(
  c: ApiContext,
  address: AddressOf<"pool">,
  name: string,
): Promise<Response> {
  const protocols = c.req.header("sec-websocket-protocol")?.split(",") ?? [];
  if (
    c.req.header("upgrade")?.toLowerCase() !== "websocket" ||
    !protocols.some((protocol) => protocol.trim() === "prefect")
  )
    return fail("bad_request", "This is a WebSocket with the subprotocol `prefect`.");
  const verdict = await judgeAuthorization(c.env, c.req.header("authorization"));
  const workspace = addressOfWorkspace(c.get("workspace"));
  const known = await call(c, workspace, "find_directory", { kind: "pool", names: [name] });
  if (known.length === 0) return fail("not_found", "Work pool not found.");
  return stubOf(c.env, address).fetch("https://pool/channel", {
    headers: {
      Upgrade: "websocket",
      [POOL_NAME_HEADER]: encodeURIComponent(name),
      [CHANNEL_HEADER]: verdict === "accepted" ? "authorized" : "unknown",
    },
  });
}
