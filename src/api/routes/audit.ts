/** `/audit`: who changed what in the catalog, and when. Ours; Prefect has no such list. */
import { z } from "zod";
import { PAGE_MAX } from "../../contract/bounds.ts";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import { formatInstant } from "../../contract/instants.ts";
import { Id, InstantOut } from "../../contract/wire/common.ts";
import { AUDITED_KINDS } from "../../objects/workspace/operations.ts";
import { call, factory } from "../context.ts";
import { describeResource } from "../describe.ts";
import { query } from "../validation.ts";

const AuditQuery = z.object({
  before_seq: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_MAX),
});
const AuditEntry = z.object({
  seq: z.int(),
  at: InstantOut,
  actor: z.string(),
  operation: z.string(),
  kind: z.enum(AUDITED_KINDS),
  id: Id,
  name: z.string(),
});

export const audit = factory
  .createApp()
  .get(
    "/",
    describeResource("Audit")("List changes of the catalog, the newest first", 200, z.array(AuditEntry)),
    query(AuditQuery),
    async (c) => {
      const { before_seq, limit } = c.req.valid("query");
      const entries = await call(c, addressOfWorkspace(c.get("workspace")), "list_audit", {
        before_seq: before_seq ?? null,
        limit,
      });
      return c.json(entries.map((entry) => ({ ...entry, at: formatInstant(entry.at) })));
    },
  );
