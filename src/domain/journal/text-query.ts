/**
 * The text search of logs: words are alternatives, `+word` must be there, `-word` or `!word` must not, and quotes hold
 * a phrase together. Letters match in either case (source: Prefect's `LogFilterTextSearch`).
 */

export interface TextQuery {
  any: string[];
  all: string[];
  none: string[];
}

/** Reads a query. */
export function parseTextQuery(query: string): TextQuery {
  const parsed: TextQuery = { any: [], all: [], none: [] };
  for (const match of query.toLowerCase().matchAll(/([-!+]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))/g)) {
    const [, sign = "", phrase, word] = match;
    const text = phrase === undefined ? (word ?? "") : phrase.replace(/\\(.)/g, "$1");
    if (text === "") continue;
    if (sign === "+") parsed.all.push(text);
    else if (sign === "-" || sign === "!") parsed.none.push(text);
    else parsed.any.push(text);
  }
  return parsed;
}

/** Tells whether a text satisfies a query; an empty query is satisfied by every text. */
export function matchesText({ any, all, none }: TextQuery, text: string): boolean {
  const lower = text.toLowerCase();
  if (none.some((word) => lower.includes(word))) return false;
  if (!all.every((word) => lower.includes(word))) return false;
  return any.length === 0 || any.some((word) => lower.includes(word));
}
