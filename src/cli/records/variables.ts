/** Variables as people see them. */
import { writeCommand } from "../../contract/commands.ts";
import type { Client } from "../../client/index.ts";
import { rephrase } from "../api.ts";
import { explainMissing } from "./missing.ts";

/** Explains a 404 of a call about a variable. */
export function orMissingVariable<Value>(api: Client, name: string, promise: Promise<Value>): Promise<Value> {
  return rephrase(promise, 404, () =>
    explainMissing(
      "variable",
      name,
      async () => (await api.variables.list({ limit: 200 })).map((variable) => variable.name),
      `create it with \`${writeCommand("variable", "set", name, "VALUE")}\``,
    ),
  );
}
