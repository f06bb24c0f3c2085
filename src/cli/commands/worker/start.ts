/** `sluice worker start` */
import { defineCommand } from "../../framework/command.ts";
import { flag, option, parseText, repeatedOption, requiredOption } from "../../framework/parameters.ts";
import { parseKeyText, parseName, parseSeconds, wholeNumber } from "../../framework/values.ts";

export const command = defineCommand({
  description:
    "Claims runs of a pool and runs them as processes of this machine, until Ctrl-C. The first Ctrl-C waits for what runs, the second one stops it. The worker's name is --name, WORKER_ID or the host's name.",
  parameters: {
    pool: requiredOption("-p, --pool <name>", "Work pool to take runs from", parseName, {
      completes: "pools",
    }),
    name: option("-n, --name <name>", "Name of the worker, unique in its pool", parseName),
    limit: option("-l, --limit <n>", "Runs at the same time at most", wholeNumber({ min: 1, max: 10_000 })),
    queues: repeatedOption("-q, --work-queue <name>", "Serve only this queue", parseName),
    runOnce: flag("--run-once", "Run what is due now, then leave"),
    type: option("-t, --type <type>", "Type of the pool, should it have to be made", parseText),
    noCreate: flag("--no-create-pool-if-not-found", "Fail when the pool does not exist"),
    labels: repeatedOption("--label <key=value>", "Something to know about this machine", parseKeyText),
    grace: option("--grace <time>", "From TERM to KILL when a run is stopped (default 30s)", parseSeconds),
    drain: option(
      "--drain <time>",
      "After SIGTERM runs may take this long to end (default 10m)",
      parseSeconds,
    ),
    healthcheckPort: option(
      "--healthcheck-port <port>",
      "Answer GET /health on this port of the loopback address",
      wholeNumber({ max: 65_535 }),
    ),
    stateDir: option("--state-dir <folder>", "Where the worker keeps what must outlive it", parseText),
  },
  examples: [
    "WORKER_ID=gpu-1 sluice worker start --pool ml-pool --limit 10",
    "sluice worker start --pool ml-pool --name gpu-2 --work-queue urgent --run-once",
  ],
  async run(values, cli) {
    const { runAgent } = await import("../../../../worker-agent/index.ts");
    const connection = await cli.connection();
    return runAgent({
      apiUrl: connection.apiUrl,
      apiKey: connection.apiKey,
      authString: connection.authString,
      pool: values.pool,
      name: values.name,
      workQueues: values.queues,
      limit: values.limit,
      isRunOnce: values.runOnce,
      canCreatePool: !values.noCreate,
      poolType: values.type,
      labels: Object.fromEntries(values.labels.map(({ key, value }) => [key, value])),
      graceSeconds: values.grace,
      drainSeconds: values.drain,
      healthcheckPort: values.healthcheckPort,
      stateDir: values.stateDir,
      isJsonLog: cli.isJson,
      writeLog: (line) => cli.note(line),
    });
  },
});
