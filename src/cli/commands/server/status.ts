/** `sluice server status`: is there a server, which, and where is its data. */
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { writeCommand } from "../../../contract/commands.ts";
import { SluiceApiError } from "../../../client/index.ts";
import { defaultDataDir } from "../../../server/options.ts";
import { readServerRecord } from "../../../server/server-record.ts";
import { defineCommand } from "../../framework/command.ts";
import { CommandError } from "../../framework/errors.ts";
import { flag, option, parseText } from "../../framework/parameters.ts";
import { parseSeconds } from "../../framework/values.ts";

/** How often a server that does not answer yet is asked. */
const WAIT_INTERVAL_MS = 200;

export const command = defineCommand({
  description: "Asks the server that every other command would ask. Exit code 1 when it does not answer.",
  parameters: {
    dataDir: option(
      "--data-dir <folder>",
      "Ask the server that uses this data folder, whatever its port",
      parseText,
    ),
    wait: flag("--wait", "Wait until it answers"),
    timeout: option("-t, --timeout <time>", "Wait no longer than this (default: for ever)", parseSeconds),
  },
  examples: ["sluice server status", "sluice server status --data-dir ./data -o json"],
  async run({ dataDir, wait, timeout }, cli) {
    const until = performance.now() + (timeout === undefined || timeout === 0 ? Infinity : timeout * 1000);
    const folder = resolve(dataDir ?? defaultDataDir(cli.env));
    const local = readServerRecord(folder);
    const connection = await cli.connection();
    if (dataDir !== undefined) {
      if (local === undefined) {
        throw new CommandError(
          `No server uses the data folder ${folder}; start one with \`${writeCommand("server", "start", "--data-dir", dataDir)}\`.`,
        );
      }
      connection.apiUrl = `${local.url}/api`;
      connection.source = `${folder}/server.json`;
    }
    const api = await cli.api();
    for (;;) {
      try {
        await api.server.health();
        break;
      } catch (error) {
        if (!wait || !(error instanceof SluiceApiError) || performance.now() >= until) throw error;
      }
      await sleep(WAIT_INTERVAL_MS);
    }
    const current = readServerRecord(folder);
    const isLocal = connection.apiUrl === `${current?.url}/api`;
    const record = {
      api_url: connection.apiUrl,
      prefect_version: await api.server.version(),
      ...(isLocal && { data_dir: folder, pid: current?.pid, started_at: current?.started_at }),
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
