/** Watching a run: its logs and states as they come, until it ends. */
import type { Client } from "../../client/index.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { Log } from "../../contract/wire/logs.ts";
import { CommandError, EXIT } from "../framework/errors.ts";
import type { Cli } from "../framework/cli.ts";
import { formatDuration } from "../output/time.ts";
import { formatClock, formatLog } from "./logs.ts";
import { Patience, tellSilence, type PatienceOptions } from "./patience.ts";
import { hasEnded } from "./runs.ts";

export interface FollowOptions extends PatienceOptions {
  /** Called for each new log, in order. */
  onLog: (log: Log) => Promise<void>;
  /** Called when the state has changed, and at first. */
  onState: (run: FlowRun) => void;
  /** Of the logs that are there already, only this many of the last. */
  last?: number | undefined;
}

/** How often the state is looked at. */
const STATE_INTERVAL_MS = 500;
/** One look at the logs is held by the server for this long while nothing is new. */
const HOLD_SECONDS = 20;
/** The last lines of a process are on their way when its run has ended: nothing new for this long means that all came … */
const LINGER_SECONDS = 1;
/** … and nobody waits longer than this for more. */
const LINGER_MS_MAX = 5000;

/** Follows a run until it has ended and its logs were seen; gives its last record. */
export async function followRun(api: Client, id: string, options: FollowOptions): Promise<FlowRun> {
  const ended = new AbortController();
  const patience = new Patience(options);
  const logs = followLogs(api, id, options, patience, ended.signal);
  // A failure to read logs is told when the states are through with; it must not go unheard before.
  logs.catch(() => undefined);
  try {
    return await followStates(api, id, options, patience);
  } finally {
    ended.abort();
    await logs;
  }
}

async function followStates(
  api: Client,
  id: string,
  options: FollowOptions,
  patience: Patience,
): Promise<FlowRun> {
  const { setTimeout: sleep } = await import("node:timers/promises");
  const startedAt = performance.now();
  let stateId: string | null | undefined;
  for (;;) {
    const run = await patience.read(() => api.flowRuns.read(id));
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
    await sleep(STATE_INTERVAL_MS);
  }
}

async function followLogs(
  api: Client,
  id: string,
  { onLog, last }: FollowOptions,
  patience: Patience,
  ended: AbortSignal,
): Promise<void> {
  let after = 0;
  if (last !== undefined) {
    const kept: Log[] = [];
    for (;;) {
      const page = await patience.read(() => readTail(api, id, after, 0));
      after = page.next;
      kept.push(...page.logs);
      if (page.logs.length === 0) break;
    }
    for (const log of kept.slice(-last)) await onLog(log);
  }
  while (!ended.aborted) {
    const page = await patience
      .read(() => readTail(api, id, after, HOLD_SECONDS, ended), ended)
      .catch((error: unknown) => {
        if (ended.aborted) return undefined;
        throw error;
      });
    if (page === undefined) break;
    after = page.next;
    for (const log of page.logs) await onLog(log);
  }
  const endedAt = performance.now();
  while (performance.now() - endedAt < LINGER_MS_MAX) {
    const page = await patience.read(() => readTail(api, id, after, LINGER_SECONDS));
    if (page.logs.length === 0) break;
    after = page.next;
    for (const log of page.logs) await onLog(log);
  }
}

function readTail(
  api: Client,
  id: string,
  after: number,
  waitSeconds: number,
  signal?: AbortSignal,
): Promise<{ logs: Log[]; next: number }> {
  return api.http.get(`/flow_runs/${id}/logs/tail`, {
    query: { after, wait_seconds: waitSeconds },
    timeoutSeconds: waitSeconds + 30,
    signal,
  });
}

/** Says that nothing new is seen because the server is away. */
export function noteSilence(cli: Cli, reason: string): void {
  tellSilence(cli, reason, "the run goes on, waiting for the server");
}

/** Shows a run's progress and says how it ended; the exit code is 1 unless it completed. */
export async function watchRun(cli: Cli, id: string, timeoutSeconds?: number): Promise<number> {
  const api = await cli.api();
  const write = (line: string): void => (cli.isJson ? cli.note(line) : cli.print(line));
  let shown: string | undefined;
  const run = await followRun(api, id, {
    timeoutSeconds,
    onSilence: (reason) => noteSilence(cli, reason),
    onLog: async (log) => write(await formatLog(log, cli.screen)),
    onState: ({ name, state_name, state }) => {
      const message = state?.message === null || state?.message === undefined ? "" : `: ${state.message}`;
      const text = `${name} is ${state_name ?? "new"}${message}`;
      if (text !== shown)
        write(`${formatClock(state?.timestamp ?? new Date(cli.system.now()).toISOString())} | ${text}`);
      shown = text;
    },
  });
  if (cli.isJson) cli.print(JSON.stringify(run, null, 2));
  else
    cli.print(
      `The flow run ${run.name} ended as ${run.state_name ?? run.state_type ?? "unknown"} after ${formatDuration(run.total_run_time)}.`,
    );
  return run.state_type === "COMPLETED" ? EXIT.done : EXIT.failed;
}
