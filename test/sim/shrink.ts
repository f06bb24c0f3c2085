/**
 * Makes a failing run small for as long as the same promise breaks, and no later: by time, then by halves of its faults and
 * of its callers, then by ever smaller parts of both.
 */
import { simulate, type SimOptions, type SimReport } from "./simulate.ts";
import { START } from "./world.ts";

export interface Shrunk {
  options: SimOptions;
  report: SimReport;
  runs: number;
  /** The last events of the small run about the object whose promise is broken. */
  last: readonly string[];
}

const RUNS_MAX = 400;
const TIME_MS_MAX = 60_000;
const HOURS_MIN = 0.01;
const LAST_EVENTS_MAX = 40;

/** `report` is of the run that `options` describe, and has a violation. */
export async function shrink(options: SimOptions, report: SimReport): Promise<Shrunk> {
  const startedMs = performance.now();
  let best: Omit<Shrunk, "last"> = {
    options: { ...options, faults: new Set(report.struck), stop_at: report.violation?.at },
    report,
    runs: 0,
  };
  const isOver = () => best.runs >= RUNS_MAX || performance.now() - startedMs > TIME_MS_MAX;
  const attempt = async (smaller: Partial<SimOptions>): Promise<boolean> => {
    if (isOver()) return false;
    best.runs += 1;
    const next = { ...best.options, ...smaller };
    const again = await simulate(next);
    if (again.violation === undefined || again.violation.promise !== report.violation?.promise) return false;
    best = {
      options: { ...next, faults: new Set(again.struck), stop_at: again.violation.at },
      report: again,
      runs: best.runs,
    };
    return true;
  };
  // Where it breaks when the faults are over, these may be over sooner.
  const faultsMs = START + options.hours * best.report.tempo * 3_600_000;
  if ((best.report.violation?.at ?? 0) > faultsMs)
    while (best.options.hours / 2 >= HOURS_MIN && (await attempt({ hours: best.options.hours / 2 })));
  const reduceFaults = (parts_max: number) =>
    reduce(
      () => best.report.struck,
      (faults) => attempt({ faults: new Set(faults) }),
      parts_max,
      isOver,
    );
  const reduceClients = (parts_max: number) =>
    reduce(
      () => best.report.clients,
      (clients) => attempt({ clients: new Set(clients) }),
      parts_max,
      isOver,
    );
  if (best.report.struck.length > 0) await attempt({ faults: new Set() });
  for (const parts_max of [2, Number.POSITIVE_INFINITY]) {
    await reduceFaults(parts_max);
    await reduceClients(parts_max);
  }
  return { ...best, last: await tellLast(best.options, best.report) };
}

/**
 * Keeps one part of a list where that does, else leaves one out, and goes on with ever smaller parts, up to `parts_max` of
 * them; `list` is what the last attempt that succeeded has left.
 */
async function reduce(
  list: () => readonly string[],
  attempt: (rest: readonly string[]) => Promise<boolean>,
  parts_max: number,
  isOver: () => boolean,
): Promise<void> {
  for (let parts = 2; list().length > 1 && !isOver();) {
    const items = list();
    const size = Math.ceil(items.length / Math.min(parts, items.length));
    const starts = Array.from({ length: Math.ceil(items.length / size) }, (_, part) => part * size);
    let isSmaller = false;
    // Some have nothing to leave: without any agent, say, there is still one.
    const isLeftOut = async (rest: readonly string[]) =>
      (await attempt(rest)) && list().length < items.length;
    // Of two halves each is what the other leaves out.
    if (starts.length > 2)
      for (const from of starts) isSmaller ||= await isLeftOut(items.slice(from, from + size));
    if (isSmaller) {
      parts = 2;
      continue;
    }
    for (const from of starts)
      isSmaller ||= await isLeftOut([...items.slice(0, from), ...items.slice(from + size)]);
    if (isSmaller) parts = Math.max(2, parts - 1);
    else if (size === 1 || parts * 2 > parts_max) return;
    else parts *= 2;
  }
}

/** Plays a run once more and keeps what it tells of the object that its violation names; of all where it names none. */
async function tellLast(options: SimOptions, report: SimReport): Promise<readonly string[]> {
  const message = report.violation?.message ?? "";
  const about = report.objects.find((name) => message.includes(name)) ?? "";
  const last: string[] = [];
  const tell = (line: string): void => {
    if (!line.includes(about)) return;
    last.push(line);
    if (last.length > LAST_EVENTS_MAX) last.shift();
  };
  await simulate({ ...options, tell });
  return last;
}
