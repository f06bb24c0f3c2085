/** Times for people: relative, and short. */

const STEPS: readonly [seconds: number, unit: string][] = [
  [86_400, "d"],
  [3600, "h"],
  [60, "m"],
  [1, "s"],
];

/** `3s`, `2m 5s`, `1h 3m`, `4d 2h`: at most two units. */
export function formatDuration(seconds: number): string {
  let left = Math.max(0, seconds);
  if (left < 10 && left % 1 !== 0) return `${Math.round(left * 10) / 10}s`;
  left = Math.round(left);
  const parts: string[] = [];
  for (const [size, unit] of STEPS) {
    const count = Math.floor(left / size);
    if (count > 0) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    left -= count * size;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? "0s" : parts.join(" ");
}

/** `3s ago`, `in 5m`, `now`; `-` for nothing. */
export function formatRelative(instant: string | null | undefined, now: number): string {
  if (instant === null || instant === undefined) return "-";
  const ms = Date.parse(instant);
  if (Number.isNaN(ms)) return instant;
  const seconds = Math.round((ms - now) / 1000);
  if (seconds === 0) return "now";
  return seconds < 0 ? `${formatDuration(-seconds)} ago` : `in ${formatDuration(seconds)}`;
}
