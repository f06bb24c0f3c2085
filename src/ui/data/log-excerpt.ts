/** What is drawn of a message that was searched for: the lines that match with those around them, and where they do. */

/** Lines that are shown before and after one that matches. */
const CONTEXT_LINES = 2;
/** So many matches of one message are marked; a letter may be in each of its words. */
const MARKS_MAX = 200;

/** A text as it is, one that matches, or lines that are left out. */
export type Part = string | { match: string } | { folded: number };

/** The whole of it where nothing is searched for. */
export function cutExcerpt(text: string, search: string): Part[] {
  if (search === "") return [text];
  const lines = text.split("\n");
  const matches = lines.map((line) => findMatches(line, search));
  const hits = matches.flatMap((found, index) => (found.length > 0 ? index : []));
  // What matches may be the logger's name, which is not shown.
  const gaps = findGaps(hits.length > 0 ? hits : [0], lines.length);
  const parts: Part[] = [];
  let marks = 0;
  let gap = gaps.shift();
  for (let index = 0; index < lines.length; index += 1) {
    if (index > 0) parts.push("\n");
    if (gap?.from === index) {
      parts.push({ folded: gap.to - gap.from });
      index = gap.to - 1;
      gap = gaps.shift();
      continue;
    }
    const line = lines[index] ?? "";
    let shown = 0;
    for (const [from, to] of (matches[index] ?? []).slice(0, MARKS_MAX - marks)) {
      parts.push(line.slice(shown, from), { match: line.slice(from, to) });
      shown = to;
      marks += 1;
    }
    parts.push(line.slice(shown));
  }
  return joinTexts(parts);
}

/** Lines between those that are shown; a single one takes no more room than the word that it is left out. */
function findGaps(hits: readonly number[], count: number): { from: number; to: number }[] {
  return [-Infinity, ...hits].flatMap((hit, index) => {
    const from = Math.max(0, hit + CONTEXT_LINES + 1);
    const to = Math.min(count, (hits[index] ?? Infinity) - CONTEXT_LINES);
    return to - from > 1 ? { from, to } : [];
  });
}

/** Where a text has another one, in either case as the server's search takes them. */
export function findMatches(text: string, search: string): [from: number, to: number][] {
  const lower = text.toLowerCase();
  const wanted = search.toLowerCase();
  // A letter may have two in lower case, which moves all behind it.
  const origins = lower.length === text.length ? undefined : listOrigins(text);
  const originOf = (at: number) => origins?.[at] ?? at;
  const found: [number, number][] = [];
  for (let at = lower.indexOf(wanted); at !== -1; at = lower.indexOf(wanted, at + wanted.length))
    found.push([originOf(at), originOf(at + wanted.length - 1) + 1]);
  return found;
}

/** Of each place in the lower case of a text, the place in the text. */
function listOrigins(text: string): number[] {
  const origins: number[] = [];
  for (const [index, unit] of text.split("").entries())
    for (let left = unit.toLowerCase().length; left > 0; left -= 1) origins.push(index);
  return origins;
}

function joinTexts(parts: readonly Part[]): Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (typeof part !== "string" || typeof last !== "string") joined.push(part);
    else joined[joined.length - 1] = last + part;
  }
  return joined.filter((part) => part !== "");
}
