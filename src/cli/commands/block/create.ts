/** `sluice block create` */
import type { JsonObject } from "../../../contract/wire/common.ts";
import { find, rephrase } from "../../api.ts";
import { defineCommand } from "../../framework/command.ts";
import { CommandError, UsageError } from "../../framework/errors.ts";
import { readStream } from "../../framework/files.ts";
import { argument, flag, restArguments } from "../../framework/parameters.ts";
import { parseJsonOrText, parseKeyText } from "../../framework/values.ts";
import { describeFields, parseBlockName, readBlockType } from "../../records/blocks.ts";

const STDIN = "-";

export const command = defineCommand({
  description:
    "Fields are JSON, or else text. A value of - is read from the standard input as text, so that a secret is in no list of processes and no history.",
  parameters: {
    block: argument("TYPE/NAME", "The slug of its type, and its name", parseBlockName),
    fields: restArguments("FIELD=VALUE", "Its fields; sluice block type inspect shows them", parseKeyText, {
      allowsOptions: true,
    }),
    overwrite: flag("--overwrite", "Replace these fields of the block if there is one"),
  },
  examples: [
    "sluice block create secret/hub-token value=- <token.txt",
    "sluice block create local-file-system/results basepath=/data/results",
  ],
  async run({ block: { slug, name }, fields, overwrite }, cli) {
    const fromStdin = fields.filter(({ value }) => value === STDIN);
    if (fromStdin.length > 1) throw new UsageError("Only one field can be read from the standard input.");
    const text = fromStdin.length === 0 ? "" : (await readStream(cli.system.stdin)).replace(/\r?\n$/, "");
    const data: JsonObject = Object.fromEntries(
      fields.map(({ key, value }) => [key, value === STDIN ? text : parseJsonOrText(value)]),
    );
    const api = await cli.api();
    await api.blockTypes.installSystemTypes();
    const type = await readBlockType(api, slug);
    const [schema] = await api.blockTypes.schemas(type.id, { limit: 1 });
    if (schema === undefined)
      throw new CommandError(
        `The block type ${slug} has no schema; save a block of it with its client once.`,
      );
    checkFields(slug, schema.fields, data);
    const known = overwrite ? await find(api.blocks.readByName(slug, name)) : undefined;
    if (known !== undefined) {
      await api.blocks.update(known.id, { data, block_schema_id: schema.id });
      await cli.showDone(`Changed the block ${slug}/${name}.`, () => api.blocks.read(known.id));
      return;
    }
    const block = await rephrase(
      api.blocks.create({ name, data, block_type_id: type.id, block_schema_id: schema.id }),
      409,
      () => `A block ${slug}/${name} exists already; use --overwrite to replace fields of it.`,
    );
    await cli.show(block, () => `Created the block ${slug}/${name}.`);
  },
});

/** A field that no schema has is more probably mistyped than wanted. */
function checkFields(slug: string, fields: JsonObject, data: JsonObject): void {
  const { properties } = fields;
  if (typeof properties !== "object" || properties === null) return;
  const unknown = Object.keys(data).find((field) => !Object.hasOwn(properties, field));
  if (unknown !== undefined)
    throw new CommandError(
      `Blocks of the type ${slug} have no field ${unknown}; they have ${describeFields(fields)}.`,
    );
}
