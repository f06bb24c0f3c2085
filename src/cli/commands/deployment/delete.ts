/** `sluice deployment delete` */
import { defineCommand } from "../../framework/command.ts";
import { UsageError } from "../../framework/errors.ts";
import { flag, option, optionalArgument } from "../../framework/parameters.ts";
import { readAll } from "../../framework/list.ts";
import { parseDeploymentRef, parseIdText } from "../../framework/values.ts";
import { readDeployment } from "../../records/deployments.ts";

export const command = defineCommand({
  parameters: {
    name: optionalArgument("NAME", "FLOW/DEPLOYMENT, or an id", parseDeploymentRef, {
      completes: "deployments",
    }),
    id: option("--id <id>", "Id of the deployment, instead of NAME", parseIdText),
    all: flag("--all", "Delete all deployments"),
  },
  examples: ["sluice deployment delete process-image/process-image --yes"],
  async run({ name: ref, id, all }, cli) {
    const name = ref ?? id;
    if ([ref !== undefined, id !== undefined, all].filter(Boolean).length !== 1)
      throw new UsageError("sluice deployment delete wants the NAME of one deployment, or --all.");
    const api = await cli.api();
    const doomed =
      name === undefined
        ? await readAll((page) => api.deployments.list(page))
        : [await readDeployment(api, name)];
    await cli.confirm(
      name === undefined ? `Delete all ${doomed.length} deployments?` : `Delete the deployment ${name}?`,
    );
    for (const deployment of doomed) await api.deployments.delete(deployment.id);
    await cli.showDone(
      name === undefined ? `Deleted ${doomed.length} deployments.` : `Deleted the deployment ${name}.`,
      async () => (name === undefined ? doomed : doomed[0]),
    );
  },
});
