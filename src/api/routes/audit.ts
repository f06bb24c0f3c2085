/** `/audit`: who did what, and when. Ours; Prefect has no such list. */
import { z } from "zod";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import { instantToMs } from "../../contract/instants.ts";
import { AuditEntry, AuditQuery } from "../../contract/wire/audit.ts";
import { call, factory } from "../context.ts";
import { describeResource } from "../describe.ts";
import { query } from "../validation.ts";

export const audit = factory
  .createApp()
  .get(
    "/",
    describeResource("Audit")(
      "List what people did, the newest first; further pages by `before_seq`",
      200,
      z.array(AuditEntry),
    ),
    query(AuditQuery),
    async (c) => {
      const { act, target, actor, since, before_seq, limit } = c.req.valid("query");
      return c.json(
        await call(c, addressOfWorkspace(c.get("workspace")), "list_audit", {
          act: act ?? null,
          target: target ?? null,
          actor: actor ?? null,
          since: since === undefined ? null : instantToMs(since),
          before_seq: before_seq ?? null,
          limit,
        }),
      );
    },
  );
