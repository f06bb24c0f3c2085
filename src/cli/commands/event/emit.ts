/** `sluice event emit` */
import { defineCommand } from "../../framework/command.ts";
import { UsageError } from "../../framework/errors.ts";
import { argument, option, parseText, repeatedOption } from "../../framework/parameters.ts";
import { parseJson, parseJsonObject, parseKeyText } from "../../framework/values.ts";

const ID = "prefect.resource.id";

export const command = defineCommand({
  parameters: {
    event: argument("EVENT", "Name of the event, such as my.model.trained", parseText),
    resourceId: option("--resource-id <id>", "Id of what it is about", parseText),
    labels: repeatedOption("-r, --resource <key=value>", "Label of what it is about", parseKeyText),
    related: option("--related <json>", "What else it concerns: a JSON list of resources", parseJson),
    payload: option("-p, --payload <json>", "Anything else: a JSON object", parseJsonObject),
  },
  examples: [
    "sluice event emit my.model.trained --resource-id my.model.resnet",
    `sluice event emit my.model.trained --resource-id my.model.resnet --payload '{"accuracy": 0.9}'`,
  ],
  async run({ event, resourceId, labels, related = [], payload = {} }, cli) {
    const resource = {
      ...Object.fromEntries(labels.map(({ key, value }) => [key, value])),
      ...(resourceId !== undefined && { [ID]: resourceId }),
    };
    if (!Object.hasOwn(resource, ID))
      throw new UsageError("Say what the event is about, with --resource-id.");
    const sent = {
      id: crypto.randomUUID(),
      occurred: new Date(cli.system.now()).toISOString(),
      event,
      resource,
      related: Array.isArray(related) ? related : [related],
      payload,
    };
    const { http } = await cli.api();
    await http.post("/events", [sent], { isRepeatable: true });
    await cli.show(sent, () => `Emitted the event ${event} (${sent.id}).`);
  },
});
