/** Sentences about things that are not there: the nearest name that is, or how to make one. */
import { findNearest } from "../framework/suggest.ts";

/** `No work pool named x; did you mean y?`, or the advice. Listing the names must be cheap; a failure to list is no failure. */
export async function explainMissing(
  thing: string,
  name: string,
  listNames: () => Promise<string[]>,
  advice: string,
): Promise<string> {
  const names = await listNames().catch(() => []);
  const nearest = findNearest(name, names);
  return nearest === undefined
    ? `No ${thing} named ${name}; ${advice}.`
    : `No ${thing} named ${name}; did you mean ${nearest}?`;
}
