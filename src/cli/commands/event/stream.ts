/** `sluice event stream` */
import type { ReceivedEvent } from "../../../contract/wire/events.ts";
import { defineCommand } from "../../framework/command.ts";
import { appendLine } from "../../framework/files.ts";
import { choiceOption, flag, option, parseText, repeatedOption } from "../../framework/parameters.ts";
import { followEvents } from "../../records/events.ts";
import { tellSilence } from "../../records/patience.ts";

export const command = defineCommand({
  description: "Shows events as they come, those of the last minute first, until Ctrl-C ends it.",
  parameters: {
    prefixes: repeatedOption("--prefix <text>", "Only events whose name begins so", parseText),
    resourceIds: repeatedOption("--resource-id <id>", "Only events about this", parseText),
    format: choiceOption("--format <format>", "text, or json: an object a line, as with -o json", [
      "text",
      "json",
    ]),
    outputFile: option("--output-file <path>", "Add them to this file instead", parseText),
    runOnce: flag("--run-once", "End after one event"),
  },
  examples: [
    "sluice event stream --prefix prefect.flow-run. --prefix prefect.work-pool.",
    "sluice event stream --resource-id my.model.resnet --run-once -o json",
  ],
  async run({ prefixes, resourceIds, format, outputFile, runOnce }, cli) {
    const isJson = format === undefined ? cli.isJson : format === "json";
    const events = followEvents(
      await cli.api(),
      { event: { prefix: prefixes }, resource: { id: resourceIds } },
      { onSilence: (reason) => tellSilence(cli, reason, "waiting for the server") },
    );
    for await (const event of events) {
      const line = isJson ? JSON.stringify(event) : formatEvent(event);
      if (outputFile === undefined) cli.print(line);
      else await appendLine(outputFile, line);
      if (runOnce) return;
    }
  },
});

/** The line that Prefect's command prints. */
function formatEvent({ occurred, event, resource }: ReceivedEvent): string {
  return `${occurred} ${event} ${resource["prefect.resource.id"] ?? ""}`;
}
