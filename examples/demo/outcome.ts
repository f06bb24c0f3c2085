/**
 * What the runs themselves say about how it went. The server is not asked who held what: each flow process has noted
 * by its own clock when it began and ended to infer, and that is what is counted here.
 */
import type { DemoOptions } from "./options.ts";

/** One inference, as the flow process noted it. Seconds since the first submission. */
export interface Hold {
  image_id: number;
  worker_id: string;
  from_seconds: number;
  until_seconds: number;
  /** The row of the picture, counted from 1: the first one that is free, as the slots have no names. */
  row: number;
}

export interface WorkerOutcome {
  worker_id: string;
  limit: string;
  slots: number;
  /** The largest number of inferences at the same time. */
  holders_max: number;
  /** Share of the slots' time that was used, from the first inference here to the last. */
  used_share: number;
}

export interface Outcome {
  is_ok: boolean;
  /** What went wrong, as sentences. */
  problems: string[];
  runs: number;
  /** download + ⌈runs / all slots⌉ × infer + save: what no order of runs can beat, without the start of processes. */
  ideal_seconds: number;
  /** From the first submission to the end of the last run. */
  makespan_seconds: number;
  ratio: number;
  ratio_max: number;
  /** From the end of an inference to the begin of the next in its row, where somebody waited. */
  handover_ms: { median: number; max: number; count: number };
  workers: WorkerOutcome[];
  holds: Hold[];
}

/** What a run left behind. */
export interface RunRecord {
  image_id: number;
  state: string;
  result: { worker_id: string; held_from: number; held_until: number } | undefined;
  log_lines: number;
}

export const RATIO_MAX = 1.3;
/** Each run says that it has downloaded, that it begins and ends to infer, and that it has saved. */
const LOG_LINES_MIN = 4;

/** Judges the job. `startedAt` and `endedAt` are milliseconds since the epoch. */
export function judge(
  options: DemoOptions,
  records: RunRecord[],
  { startedAt, endedAt }: { startedAt: number; endedAt: number },
): Outcome {
  const holds = placeInRows(records, startedAt);
  const workers = options.workers.map((worker_id) =>
    summarize(
      worker_id,
      options.slots,
      holds.filter((hold) => hold.worker_id === worker_id),
    ),
  );
  const ideal_seconds = computeIdeal(options);
  const makespan_seconds = (endedAt - startedAt) / 1000;
  const ratio = makespan_seconds / ideal_seconds;
  const problems = [
    ...workers
      .filter(({ holders_max, slots }) => holders_max > slots)
      .map(
        ({ limit, holders_max, slots }) =>
          `${limit} was exceeded: ${holders_max} held it at once, of ${slots}.`,
      ),
    ...findLost(options, records),
    ...(ratio > RATIO_MAX
      ? [`It took ${ratio.toFixed(2)} times the ideal; at most ${RATIO_MAX} is allowed.`]
      : []),
  ];
  return {
    is_ok: problems.length === 0,
    problems,
    runs: options.runs,
    ideal_seconds,
    makespan_seconds,
    ratio,
    ratio_max: RATIO_MAX,
    handover_ms: measureHandovers(holds, options),
    workers,
    holds,
  };
}

/** No schedule is shorter: the fullest slot has this many inferences one after the other. */
export function computeIdeal(options: DemoOptions): number {
  const rounds = Math.ceil(options.runs / (options.workers.length * options.slots));
  return options.downloadSeconds + rounds * options.inferSeconds + options.saveSeconds;
}

/** The largest number of intervals that overlap; an end in the same instant as a begin makes room for it. */
export function countConcurrent(holds: readonly Pick<Hold, "from_seconds" | "until_seconds">[]): number {
  const steps = holds
    .flatMap(({ from_seconds, until_seconds }) => [
      { at: from_seconds, change: 1 },
      { at: until_seconds, change: -1 },
    ])
    .sort((left, right) => left.at - right.at || left.change - right.change);
  let now = 0;
  let most = 0;
  for (const { change } of steps) {
    now += change;
    most = Math.max(most, now);
  }
  return most;
}

function placeInRows(records: RunRecord[], startedAt: number): Hold[] {
  const holds = records
    .flatMap(({ image_id, result }) =>
      result === undefined
        ? []
        : [
            {
              image_id,
              worker_id: result.worker_id,
              from_seconds: (result.held_from - startedAt) / 1000,
              until_seconds: (result.held_until - startedAt) / 1000,
              row: 0,
            },
          ],
    )
    .sort((left, right) => left.from_seconds - right.from_seconds);
  const rowsOf = new Map<string, number[]>();
  for (const hold of holds) {
    const ends = rowsOf.get(hold.worker_id) ?? [];
    rowsOf.set(hold.worker_id, ends);
    const free = ends.findIndex((end) => end <= hold.from_seconds);
    const index = free === -1 ? ends.length : free;
    ends[index] = hold.until_seconds;
    hold.row = index + 1;
  }
  return holds;
}

function summarize(worker_id: string, slots: number, holds: Hold[]): WorkerOutcome {
  const from = Math.min(...holds.map(({ from_seconds }) => from_seconds));
  const until = Math.max(...holds.map(({ until_seconds }) => until_seconds));
  const used = holds.reduce((sum, hold) => sum + hold.until_seconds - hold.from_seconds, 0);
  return {
    worker_id,
    limit: `gpu:${worker_id}`,
    slots,
    holders_max: countConcurrent(holds),
    used_share: holds.length === 0 ? 0 : used / ((until - from) * slots),
  };
}

function findLost(options: DemoOptions, records: RunRecord[]): string[] {
  const missing = options.runs - records.length;
  return [
    ...(missing > 0 ? [`${missing} of ${options.runs} runs are not known to the server.`] : []),
    ...records.flatMap(({ image_id, state, result, log_lines }) => {
      if (state !== "COMPLETED") return [`The run of image ${image_id} is ${state}, not COMPLETED.`];
      if (result === undefined) return [`The run of image ${image_id} has no result.`];
      if (log_lines < LOG_LINES_MIN)
        return [`The run of image ${image_id} has ${log_lines} lines of log, not ${LOG_LINES_MIN}.`];
      return [];
    }),
  ];
}

/** Only rows that never stood idle for want of a waiter tell how fast a slot is handed on. */
function measureHandovers(holds: Hold[], options: DemoOptions): Outcome["handover_ms"] {
  const gaps: number[] = [];
  for (const worker of options.workers) {
    for (let row = 1; row <= options.slots; row += 1) {
      const own = holds.filter((hold) => hold.worker_id === worker && hold.row === row);
      for (const [index, hold] of own.entries()) {
        const previous = own[index - 1];
        if (previous !== undefined) gaps.push((hold.from_seconds - previous.until_seconds) * 1000);
      }
    }
  }
  gaps.sort((left, right) => left - right);
  return {
    median: gaps[Math.floor(gaps.length / 2)] ?? 0,
    max: gaps.at(-1) ?? 0,
    count: gaps.length,
  };
}
