/** `sluice server start`: the whole server on this machine, in the foreground. */
import { ServerError, startServer, type RunningServer } from "../../../server/index.ts";
import { defineCommand } from "../../framework/command.ts";
import { CommandError, EXIT } from "../../framework/errors.ts";
import { option, parseText, repeatedOption } from "../../framework/parameters.ts";
import { wholeNumber } from "../../framework/values.ts";

const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export const command = defineCommand({
  description:
    "Runs until Ctrl-C or SIGTERM. Everything is on disk before it is answered, so it may also be killed at any time; the next start goes on where this one ended. To be reached from other machines it needs --host and a key in SLUICE_API_KEY, which clients then send.",
  parameters: {
    host: option(
      "--host <address>",
      "Address to listen on (default 127.0.0.1, this machine only)",
      parseText,
    ),
    port: option(
      "-p, --port <number>",
      "Port to listen on, 0 for any free one (default 4200)",
      wholeNumber({ min: 0, max: 65_535 }),
    ),
    dataDir: option(
      "--data-dir <folder>",
      "Where everything is kept (default $SLUICE_HOME/data or ~/.sluice/data)",
      parseText,
    ),
    allowedHosts: repeatedOption(
      "--allowed-host <name>",
      "Another name under which clients may ask for this server, for example behind a proxy; * for any",
      parseText,
    ),
  },
  examples: [
    "sluice server start",
    "sluice server start --port 0 --data-dir ./data",
    "SLUICE_API_KEY=a-long-random-text sluice server start --host 0.0.0.0",
  ],
  async run({ host, port, dataDir, allowedHosts }, cli) {
    const apiKey = cli.env["SLUICE_API_KEY"];
    const { SLUICE_SECRETS_KEY: secretsKey, SLUICE_SECRETS_OLD_KEYS: secretsOldKeys } = cli.env;
    const retention = cli.env["SLUICE_RETENTION_DAYS"] ?? "";
    const moveAfter = cli.env["SLUICE_MOVE_AFTER_SECONDS"] ?? "";
    // A server does not end because nobody reads what it says any more; the log file has it too.
    cli.system.stdout.removeAllListeners("error").on("error", () => undefined);
    let server: RunningServer;
    try {
      server = await startServer({
        allowedHosts,
        onOutput: (chunk) => cli.system.stderr.write(chunk),
        ...(host !== undefined && { host }),
        ...(port !== undefined && { port }),
        ...(dataDir !== undefined && { dataDir }),
        ...(apiKey !== undefined && { apiKey }),
        ...(secretsKey !== undefined && { secretsKey }),
        ...(secretsOldKeys !== undefined && { secretsOldKeys }),
        ...(retention !== "" && { retentionDays: Number(retention) }),
        ...(moveAfter !== "" && { moveAfterSeconds: Number(moveAfter) }),
      });
    } catch (error) {
      if (error instanceof ServerError) throw new CommandError(error.message);
      throw error;
    }
    const stop = () => void server.stop();
    for (const signal of STOP_SIGNALS) process.on(signal, stop);
    cli.print(
      cli.isJson
        ? JSON.stringify({ url: server.url, data_dir: server.dataDir, pid: process.pid })
        : `Sluice is ready at ${server.url} (data in ${server.dataDir}; Ctrl-C stops it).`,
    );
    const reason = await server.ended;
    for (const signal of STOP_SIGNALS) process.off(signal, stop);
    if (reason !== undefined) throw new CommandError(reason.message);
    return EXIT.done;
  },
});
