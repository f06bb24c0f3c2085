/** Who holds the slots of pools and queues, as people see it. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { shortenId } from "../output/ids.ts";
import type { Column, Screen } from "../output/table.ts";
import { formatRelative } from "../output/time.ts";
import { colorState } from "./runs.ts";

/** Slots and their limit. */
export interface Slots {
  active_slots: number;
  concurrency_limit: number | null;
}
/** A queue's part of a pool's slots. */
export interface SlotsOfQueue extends Slots {
  queue_name: string;
  flow_runs: FlowRun[];
}

/** A table of the runs that hold slots, and how many there are. */
export async function formatSlots(
  { active_slots, concurrency_limit, queues }: Slots & { queues: SlotsOfQueue[] },
  screen: Screen,
  now: number,
): Promise<string> {
  const { formatTable } = await import("../output/table.ts");
  const rows = queues.flatMap((queue) => queue.flow_runs.map((run) => ({ queue, run })));
  const used = `${active_slots} slots in use, ${concurrency_limit ?? "no"} limit.`;
  const columns: Column<(typeof rows)[number]>[] = [
    { title: "Queue", value: ({ queue }) => queue.queue_name, rank: 1 },
    { title: "Run", value: ({ run }) => run.name },
    { title: "State", value: ({ run }) => run.state_name, color: ({ run }) => colorState(run) },
    { title: "Since", value: ({ run }) => formatRelative(run.state?.timestamp, now) },
    { title: "Id", value: ({ run }) => run.id, short: ({ run }) => shortenId(run.id) },
  ];
  return rows.length === 0 ? used : `${await formatTable(columns, rows, screen)}\n${used}`;
}
