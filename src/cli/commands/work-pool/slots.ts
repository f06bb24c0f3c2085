/** `sluice work-pool slots` */
import type { FlowRun } from "../../../contract/wire/flow-runs.ts";
import { defineCommand } from "../../framework/command.ts";
import { argument, parseText } from "../../framework/parameters.ts";
import type { Column } from "../../output/table.ts";
import { formatRelative } from "../../output/time.ts";
import { orMissingPool } from "../../records/pools.ts";
import { colorState } from "../../records/runs.ts";

interface Slots {
  active_slots: number;
  concurrency_limit: number | null;
  queues: {
    queue_name: string;
    active_slots: number;
    concurrency_limit: number | null;
    flow_runs: FlowRun[];
  }[];
}

export const command = defineCommand({
  parameters: { name: argument("NAME", "Name of the pool", parseText, { completes: "pools" }) },
  examples: ["sluice work-pool slots ml-pool"],
  async run({ name }, cli) {
    const api = await cli.api();
    const answer = await orMissingPool(
      api,
      name,
      api.workPools.concurrencyStatus(name, { page: 1, flow_run_limit: 200 }),
    );
    await cli.show(answer, async () => {
      const { formatTable } = await import("../../output/table.ts");
      const slots = answer as unknown as Slots;
      const rows = slots.queues.flatMap((queue) => queue.flow_runs.map((run) => ({ queue, run })));
      const used = `${slots.active_slots} slots in use, ${slots.concurrency_limit ?? "no"} limit.`;
      const now = cli.system.now();
      const columns: Column<(typeof rows)[number]>[] = [
        { title: "Queue", value: ({ queue }) => queue.queue_name },
        { title: "Run", value: ({ run }) => run.name },
        { title: "State", value: ({ run }) => run.state_name, color: ({ run }) => colorState(run) },
        { title: "Since", value: ({ run }) => formatRelative(run.state?.timestamp, now) },
        { title: "Id", value: ({ run }) => run.id },
      ];
      return rows.length === 0 ? used : `${await formatTable(columns, rows, cli.screen)}\n${used}`;
    });
  },
});
