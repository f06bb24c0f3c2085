/** Makes a failing run small: leaves out callers and faults for as long as the same promise breaks. */
import { simulate, type SimOptions, type SimReport } from "./simulate.ts";

export interface Shrunk {
  options: SimOptions;
  report: SimReport;
  runs: number;
}

const RUNS_MAX = 400;
const TIME_MS_MAX = 60_000;

/** `report` is of the run that `options` describe, and has a violation. */
export async function shrink(options: SimOptions, report: SimReport): Promise<Shrunk> {
  const broken = report.violation?.promise;
  const startedMs = performance.now();
  let best: Shrunk = { options: { ...options, faults: new Set(report.struck) }, report, runs: 0 };
  const attempt = async (smaller: Partial<SimOptions>): Promise<boolean> => {
    if (best.runs >= RUNS_MAX || performance.now() - startedMs > TIME_MS_MAX) return false;
    best.runs += 1;
    const next = { ...best.options, ...smaller };
    const again = await simulate(next);
    if (again.violation === undefined || again.violation.promise !== broken) return false;
    best = { options: { ...next, faults: new Set(again.struck) }, report: again, runs: best.runs };
    return true;
  };
  for (const client of report.clients) {
    const rest = best.report.clients.filter((name) => name !== client);
    if (rest.length > 0) await attempt({ clients: new Set(rest) });
  }
  // Whole kinds first, then ever smaller parts of what is left.
  for (const kind of new Set(best.report.struck.map((fault) => fault.split(":")[0])))
    await attempt({ faults: new Set(best.report.struck.filter((fault) => !fault.startsWith(`${kind}:`))) });
  for (let parts = 2; best.report.struck.length > 0;) {
    const faults = best.report.struck;
    const size = Math.ceil(faults.length / parts);
    let isSmaller = false;
    for (let from = 0; from < faults.length && !isSmaller; from += size)
      isSmaller = await attempt({
        faults: new Set([...faults.slice(0, from), ...faults.slice(from + size)]),
      });
    if (isSmaller) parts = Math.max(2, parts - 1);
    else if (size === 1 || best.runs >= RUNS_MAX || performance.now() - startedMs > TIME_MS_MAX) break;
    else parts = Math.min(faults.length, parts * 2);
  }
  return best;
}
