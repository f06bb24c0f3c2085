/** How a failing run is told, and how it is repeated. */
import type { Shrunk } from "./shrink.ts";
import type { SimReport } from "./simulate.ts";
import { START, type Violation } from "./world.ts";

const DETAIL_CHARACTERS_MAX = 1500;
const LINE_CHARACTERS_MAX = 240;

export function formatViolation(seed: number, { promise, message, at, detail }: Violation): string {
  const seconds = ((at - START) / 1000).toFixed(3);
  return `seed ${seed} breaks ${promise} after ${seconds} s: ${message}\n  ${JSON.stringify(detail)?.slice(0, DETAIL_CHARACTERS_MAX)}`;
}

/** The last events of a run that was made small, and the command that repeats it. */
export function formatReplay({ options, report, runs, last }: Shrunk, before: SimReport): string {
  const command = [
    `npm run sim -- --seed ${options.seed} --hours ${options.hours}`,
    `--clients ${report.clients.join(",")}`,
    `--faults ${report.struck.length === 0 ? '""' : report.struck.join(",")}`,
    "--trace",
  ].join(" ");
  const size = `${report.struck.length} of ${before.struck.length} faults, ${report.clients.length} of ${before.clients.length} callers, ${report.steps} of ${before.steps} events`;
  const events = last.map((line) => `  ${line.slice(0, LINE_CHARACTERS_MAX)}`);
  return [`  made small in ${runs} runs: ${size}; its last events:`, ...events, `  ${command}`].join("\n");
}
