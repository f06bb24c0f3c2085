/** Ids in narrow terminals: their beginning, which commands take as well. */

/** `01993a5c-7b1e-77c4`: the instant of a run's id and its check digits, unlike any other's for all practical purposes. */
const SHORT_LENGTH = 18;
/** An instant on its own; whatever is shorter is more probably a name. */
const SHORT_LENGTH_MIN = 8;

/** The beginning of an id, marked as such. */
export function shortenId(id: string): string {
  return `${id.slice(0, SHORT_LENGTH)}…`;
}

/** The lower-case beginning of an id, undefined for a text that is none. */
export function readShortId(text: string): string | undefined {
  const start = text.replace(/(…|\.\.\.)$/, "").toLowerCase();
  return start.length >= SHORT_LENGTH_MIN && /^[0-9a-f]{8}(-[0-9a-f-]*)?$/.test(start) ? start : undefined;
}
