/** Tag limits as people see them. */
import { writeCommand } from "../../contract/commands.ts";
import type { Client } from "../../client/index.ts";
import { rephrase } from "../api.ts";
import { explainMissing } from "./missing.ts";

/** Explains a 404 of a call about the limit of a tag. */
export function orMissingTag<Value>(api: Client, tag: string, promise: Promise<Value>): Promise<Value> {
  return rephrase(promise, 404, () =>
    explainMissing(
      "limit on a tag",
      tag,
      async () => (await api.tagLimits.list({ limit: 200 })).map((limit) => limit.tag),
      `create it with \`${writeCommand("concurrency-limit", "create", tag, "1")}\``,
    ),
  );
}
