/** `sluice work-pool get-default-base-job-template` */
import type { JsonObject } from "../../../contract/wire/common.ts";
import { PROCESS_TEMPLATE } from "../../../contract/process-template.ts";
import { defineCommand } from "../../framework/command.ts";
import { CommandError } from "../../framework/errors.ts";
import { writeJsonFile } from "../../framework/files.ts";
import { option, parseText, requiredOption } from "../../framework/parameters.ts";
import type { Cli } from "../../framework/cli.ts";

export const command = defineCommand({
  parameters: {
    type: requiredOption("-t, --type <type>", "Type of pool", parseText),
    file: option("-f, --file <file>", "Write it to this file", parseText),
  },
  examples: ["sluice work-pool get-default-base-job-template --type process --file template.json"],
  async run({ type, file }, cli) {
    const template = type === "process" ? PROCESS_TEMPLATE : await findTemplate(cli, type);
    if (file === undefined) {
      cli.print(JSON.stringify(template, null, 2));
      return;
    }
    await writeJsonFile(file, template);
    await cli.show({ file }, () => `Wrote the base job template of ${type} pools to ${file}.`);
  },
});

/** Looks a type up in the server's catalogue: package -> type -> worker (source: wire §3.3). */
async function findTemplate(cli: Cli, type: string): Promise<JsonObject> {
  const api = await cli.api();
  const catalogue = await api.server.collection("aggregate-worker-metadata");
  const workers = Object.values(catalogue).flatMap((types) => Object.entries((types ?? {}) as JsonObject));
  const found = workers.find(([name]) => name === type)?.[1] as JsonObject | undefined;
  if (found === undefined)
    throw new CommandError(
      `No pools of type ${type} are known; known types: ${workers.map(([name]) => name).join(", ")}.`,
    );
  return (found["default_base_job_configuration"] ?? {}) as JsonObject;
}
