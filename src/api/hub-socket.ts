/** Passes the sockets of events and logs on to the workspace's hub, which owns them (source: wire §2.2, §2.9). */
import { addressOfHub } from "../contract/envelope.ts";
import { refuse } from "../contract/errors.ts";
import { HUB_SOCKET_HEADER, type SocketKind, type SocketTicket } from "../objects/hub/sockets.ts";
import { judgeAuthorization } from "../objects/shared/key.ts";
import { fail, type ApiContext } from "./context.ts";
import { answerRefusal } from "./middleware.ts";
import { passUpgrade } from "./upgrade.ts";

/**
 * Passes an upgrade on. A client that offers the subprotocol `prefect` may show the key in its first frame; any other
 * one, such as Prefect's before 3.6.14 on `/events/in`, must show it here.
 */
export async function acceptHubSocket(c: ApiContext, kind: SocketKind): Promise<Response> {
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket")
    return fail("bad_request", "This is a WebSocket: ask for an upgrade.");
  const protocols = c.req.header("sec-websocket-protocol")?.split(",") ?? [];
  const has_handshake = protocols.some((protocol) => protocol.trim() === "prefect");
  const verdict = await judgeAuthorization(c.env, c.req.header("authorization"));
  if (verdict !== "accepted" && !has_handshake)
    return answerRefusal(c, refuse(verdict === "refused" ? "unauthorized" : verdict).error);
  const address = addressOfHub(c.get("workspace"));
  const ticket: SocketTicket = { kind, has_handshake, is_authorized: verdict === "accepted" };
  return passUpgrade(c, address, {
    [HUB_SOCKET_HEADER]: JSON.stringify(ticket),
    ...(has_handshake && { "sec-websocket-protocol": "prefect" }),
  });
}
