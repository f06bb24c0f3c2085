/** `sluice server status`: is there a server, which, and where is its data. */
import { resolve } from "node:path";
import { defaultDataDir } from "../../../server/options.ts";
import { readServerRecord } from "../../../server/server-record.ts";
import { defineCommand } from "../../framework/command.ts";
import { CommandError } from "../../framework/errors.ts";
import { option, parseText } from "../../framework/parameters.ts";

export const command = defineCommand({
  description: "Asks the server that every other command would ask. Exit code 1 when it does not answer.",
  parameters: {
    dataDir: option(
      "--data-dir <folder>",
      "Ask the server that uses this data folder, whatever its port",
      parseText,
    ),
  },
  examples: ["sluice server status", "sluice server status --data-dir ./data -o json"],
  async run({ dataDir }, cli) {
    const folder = resolve(dataDir ?? defaultDataDir(cli.env));
    const local = readServerRecord(folder);
    const connection = await cli.connection();
    if (dataDir !== undefined) {
      if (local === undefined) {
        throw new CommandError(
          `No server uses the data folder ${folder}; start one with \`sluice server start --data-dir ${dataDir}\`.`,
        );
      }
      connection.apiUrl = `${local.url}/api`;
      connection.source = `${folder}/server.json`;
    }
    const api = await cli.api();
    await api.server.health();
    const isLocal = connection.apiUrl === `${local?.url}/api`;
    const record = {
      api_url: connection.apiUrl,
      prefect_version: await api.server.version(),
      ...(isLocal && { data_dir: folder, pid: local?.pid, started_at: local?.started_at }),
    };
    await cli.show(record, () =>
      [
        `Sluice answers at ${record.api_url} and speaks the API of Prefect ${record.prefect_version}.`,
        ...(isLocal
          ? [`Its data is in ${folder}; it runs as pid ${record.pid} since ${record.started_at}.`]
          : []),
      ].join("\n"),
    );
  },
});
