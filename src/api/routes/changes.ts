/** `/changes`: what has changed of all that is shown somewhere, see `../changes.ts`. */
import { factory } from "../context.ts";
import { describe } from "../documents.ts";
import { acceptHubSocket } from "../hub-socket.ts";

export const changes = factory.createApp().get(
  "/",
  describe({
    summary: "A socket on which the objects that have changed are named.",
    description:
      "A read with the header `Sluice-Watch: SECONDS` makes the objects that it asks tell of their changes for so long; `Sluice-Objects` in its answer names them. A frame `{type: changed, objects: [NAME]}` says that one of them has changed, and that it is time to read again. The first frame of a socket with the subprotocol `prefect` is `{type: auth, token: KEY}`. `ping` is answered with `pong`.",
    tag: "Changes",
    answers: { 101: null },
    refuses: ["bad_request"],
  }),
  (c) => acceptHubSocket(c, "changes"),
);
