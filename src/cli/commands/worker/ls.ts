/** `sluice worker ls` */
import { defineCommand } from "../../framework/command.ts";
import { readAll } from "../../framework/list.ts";
import { choosePool, orMissingPool, POOL_PARAMETERS, workerColumns } from "../../records/pools.ts";

export const command = defineCommand({
  parameters: POOL_PARAMETERS,
  examples: ["sluice worker ls", "sluice worker ls --pool ml-pool -o json"],
  async run(given, cli) {
    const pool = choosePool(given);
    const api = await cli.api();
    const pools =
      pool === undefined
        ? (await readAll((page) => api.workPools.list(page))).map(({ name }) => name)
        : [pool];
    const rows = (
      await Promise.all(
        pools.map(async (name) => {
          const workers = await orMissingPool(
            api,
            name,
            readAll((page) => api.workers.list(name, page)),
          );
          return workers.map((worker) => ({ worker, pool: name }));
        }),
      )
    ).flat();
    if (cli.isJson) {
      cli.print(
        JSON.stringify(
          rows.map(({ worker }) => worker),
          null,
          2,
        ),
      );
      return;
    }
    await cli.showTable(
      rows,
      workerColumns(cli.system.now()),
      "No workers yet; start one with `sluice worker start --pool NAME`.",
    );
  },
});
