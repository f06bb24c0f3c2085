/** Which numbered chunks of an attempt were stored: sorted ranges, so that a batch sent twice is stored once. */

/** First and last number of each gapless stretch, rising. */
export type Ranges = [first: number, last: number][];
/** An attempt whose gaps pass this has its oldest ones taken for stored: a sender that skips numbers costs no more. */
const RANGES_MAX = 200;

/** Tells whether a number was seen. */
export function hasSequence(ranges: Ranges, sequence: number): boolean {
  return ranges.some(([first, last]) => first <= sequence && sequence <= last);
}

/** Adds numbers to the seen ones. */
export function addSequences(ranges: Ranges, sequences: readonly number[]): Ranges {
  const all = [...ranges, ...sequences.map((sequence): Ranges[number] => [sequence, sequence])].sort(
    ([left], [right]) => left - right,
  );
  const merged: Ranges = [];
  for (const [first, last] of all) {
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  if (merged.length <= RANGES_MAX) return merged;
  const surplus = merged.length - RANGES_MAX;
  const oldest = merged[0]?.[0] ?? 0;
  const closed = merged[surplus]?.[1] ?? oldest;
  return [[oldest, closed], ...merged.slice(surplus + 1)];
}
