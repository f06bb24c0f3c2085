/** Watching a run: its logs and states as they come, until it ends. */
import type { Client } from "../../client/index.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { Log } from "../../contract/wire/logs.ts";
import { CommandError, EXIT } from "../framework/errors.ts";
import type { Cli } from "../framework/cli.ts";
import { formatDuration } from "../output/time.ts";
import { formatClock, formatLog } from "./logs.ts";
import { hasEnded } from "./runs.ts";

export interface WatchOptions {
  /** Called for each new log, in order. */
  onLog: (log: Log) => Promise<void>;
  /** Called when the state has changed, and at first. */
  onState: (run: FlowRun) => void;
  /** Gives up after this long. */
  timeoutSeconds?: number | undefined;
  /** Starts after this many logs. */
  seen?: number;
}

/** How long one look at the logs is held by the server while nothing is new. */
const INTERVAL_MS = 500;

/** Follows a run until it has ended and all of its logs were seen; gives its last record. */
export async function followRun(api: Client, id: string, options: WatchOptions): Promise<FlowRun> {
  const { setTimeout: sleep } = await import("node:timers/promises");
  const startedAt = performance.now();
  const seen = new Set<string>();
  let offset = options.seen ?? 0;
  let stateId: string | null | undefined;
  for (;;) {
    // The run is read before its logs, so that a run that has ended has no logs which are not read after it.
    const run = await api.flowRuns.read(id);
    for (;;) {
      const logs = await api.logs.list({
        logs: { flow_run_id: { any_: [id] } },
        sort: "TIMESTAMP_ASC",
        limit: 200,
        offset,
      });
      for (const log of logs) {
        if (seen.has(log.id)) continue;
        seen.add(log.id);
        await options.onLog(log);
      }
      offset += logs.length;
      if (logs.length < 200) break;
    }
    if (run.state_id !== stateId) {
      stateId = run.state_id;
      options.onState(run);
    }
    if (hasEnded(run.state_type)) return run;
    const elapsed = (performance.now() - startedAt) / 1000;
    if (options.timeoutSeconds !== undefined && elapsed >= options.timeoutSeconds)
      throw new CommandError(
        `The flow run ${run.name} is still ${run.state_name ?? "without a state"} after ${formatDuration(elapsed)}; it goes on without being watched.`,
      );
    await sleep(INTERVAL_MS);
  }
}

/** Shows a run's progress and says how it ended; the exit code is 1 unless it completed. */
export async function watchRun(cli: Cli, id: string, timeoutSeconds?: number): Promise<number> {
  const api = await cli.api();
  const write = (line: string): void => (cli.isJson ? cli.note(line) : cli.print(line));
  const run = await followRun(api, id, {
    timeoutSeconds,
    onLog: async (log) => write(await formatLog(log, cli.screen)),
    onState: (run) => {
      const state = run.state;
      const message = state?.message === null || state?.message === undefined ? "" : `: ${state.message}`;
      write(
        `${formatClock(state?.timestamp ?? new Date(cli.system.now()).toISOString())} | ${run.name} is ${run.state_name ?? "new"}${message}`,
      );
    },
  });
  if (cli.isJson) cli.print(JSON.stringify(run, null, 2));
  else
    cli.print(
      `The flow run ${run.name} ended as ${run.state_name ?? run.state_type ?? "unknown"} after ${formatDuration(run.total_run_time)}.`,
    );
  return run.state_type === "COMPLETED" ? EXIT.done : EXIT.failed;
}
