/** The audit list: what people did, and to what. Ours; Prefect has no such list. */
import { z } from "zod";
import { PAGE_MAX } from "../bounds.ts";
import { InstantIn, InstantOut, Json, type JsonValue } from "./common.ts";

/** What an act is done to. */
export const AUDITED_KINDS = [
  "limit",
  "work_pool",
  "work_queue",
  "worker",
  "flow_run",
  "flow",
  "deployment",
  "schedule",
  "variable",
  "block_type",
  "block_schema",
  "block_document",
] as const;
export type AuditedKind = (typeof AUDITED_KINDS)[number];

/** What somebody acted on, as it was called then; a queue's and a worker's name begin with their pool's: `POOL/NAME`. */
export const AuditTarget = z.object({ kind: z.enum(AUDITED_KINDS), id: z.string(), name: z.string() });
export type AuditTarget = z.infer<typeof AuditTarget>;

/** One thing that an act changed. What it made has no `from`, what it ended no `to`, and what is not kept here neither. */
export type Change = { from?: JsonValue | undefined; to?: JsonValue | undefined };
export const Change = z.object({ from: Json.optional(), to: Json.optional() }) as z.ZodType<Change>;
export type Changes = Record<string, Change>;

/** One act. */
export const AuditEntry = z.object({
  seq: z.int().meta({ description: "Identifies the entry, and rises from one to the next." }),
  at: InstantOut,
  actor: z.string().meta({
    description: "Who: what the client calls itself (User-Agent). A key has no name, there is only one.",
  }),
  act: z.string().meta({ description: "What: `<kind>.<verb>`, such as `limit.update`." }),
  target: AuditTarget,
  changes: z.record(z.string(), Change).nullable().meta({ description: "Null where they are not kept." }),
  request_id: z.string().nullable(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

const Text = z.string().min(1).max(200);

/** Which entries, and which page of them: those before `before_seq`. */
export const AuditQuery = z.object({
  act: Text.optional().meta({ description: "How the act begins: `limit.` or `limit.update`." }),
  target: Text.optional().meta({ description: "The id of what was acted on, or a part of its name." }),
  actor: Text.optional().meta({ description: "A part of who." }),
  since: InstantIn.optional(),
  before_seq: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_MAX),
});
