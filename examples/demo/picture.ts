/** The outcome as text for a terminal of 80 columns. */
import type { Hold, Outcome } from "./outcome.ts";

const LABEL_WIDTH = 14;
const CHART_WIDTH = 64;
const COLORS = [44, 42, 45, 46, 43, 41];

/** Draws who held which slot when, and what came of it. */
export function drawOutcome(outcome: Outcome, { hasColor }: { hasColor: boolean }): string {
  const scale = CHART_WIDTH / Math.max(outcome.makespan_seconds, 0.001);
  const lines = [
    "Who held which slot when (the number is the image, a dot is an idle slot)",
    "",
    ...outcome.workers.flatMap(({ worker_id, slots, holders_max }) =>
      Array.from({ length: Math.max(slots, holders_max) }, (_, index) => {
        const row = index + 1;
        const holds = outcome.holds.filter((hold) => hold.worker_id === worker_id && hold.row === row);
        const label = row > slots ? `${worker_id} too many` : `${worker_id} slot ${row}`;
        return `${label.slice(0, LABEL_WIDTH).padEnd(LABEL_WIDTH)} ${drawRow(holds, scale, hasColor)}`;
      }),
    ),
    " ".repeat(LABEL_WIDTH + 1) + drawAxis(outcome.makespan_seconds),
    "",
    ...outcome.workers.map(
      ({ limit, holders_max, slots, used_share }) =>
        `${limit.padEnd(LABEL_WIDTH)} at most ${holders_max} of ${slots} at once, in use ${Math.round(used_share * 100)} % of the time`,
    ),
    "",
    `makespan       ${outcome.makespan_seconds.toFixed(1)} s, ideal ${outcome.ideal_seconds.toFixed(1)} s: ${outcome.ratio.toFixed(2)} times the ideal (at most ${outcome.ratio_max})`,
    "               (ideal: download + rounds of inference + save, without the start",
    "               of processes; the makespan has it)",
    `next holder    ${outcome.handover_ms.median.toFixed(0)} ms after the last one, median of ${outcome.handover_ms.count} (at most ${outcome.handover_ms.max.toFixed(0)} ms)`,
    "",
    ...(outcome.is_ok
      ? [`All ${outcome.runs} runs completed; results and logs are there; no limit was exceeded.`]
      : outcome.problems.map((problem) => `FAILED: ${problem}`)),
  ];
  return `${lines.join("\n")}\n`;
}

function drawRow(holds: Hold[], scale: number, hasColor: boolean): string {
  let text = "";
  let column = 0;
  for (const hold of holds) {
    const from = Math.max(column, Math.min(CHART_WIDTH - 1, Math.round(hold.from_seconds * scale)));
    const until = Math.min(CHART_WIDTH, Math.max(from + 1, Math.round(hold.until_seconds * scale)));
    text += "·".repeat(from - column) + drawHold(hold.image_id, until - from, hasColor);
    column = until;
  }
  return text + "·".repeat(Math.max(0, CHART_WIDTH - column));
}

function drawHold(imageId: number, width: number, hasColor: boolean): string {
  const number = String(imageId);
  const label = number.length <= width - (hasColor ? 0 : 2) ? number : "";
  if (hasColor) {
    const color = COLORS[imageId % COLORS.length] ?? 44;
    return `\u001B[97;${color}m${center(label, width, " ")}\u001B[0m`;
  }
  return width < 2 ? "#" : `[${center(label, width - 2, "=")}]`;
}

function center(text: string, width: number, fill: string): string {
  const left = Math.floor((width - text.length) / 2);
  return text.padStart(text.length + left, fill).padEnd(width, fill);
}

function drawAxis(seconds: number): string {
  const end = `${seconds.toFixed(1)} s`;
  const middle = (seconds / 2).toFixed(1);
  const line = `0${middle.padStart(CHART_WIDTH / 2 + middle.length / 2 - 1)}`;
  return line + end.padStart(CHART_WIDTH - line.length);
}
