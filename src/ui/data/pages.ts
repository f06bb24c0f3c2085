/** Pages of a list that is read as a whole: how many to ask for, and what they are together. */
import { PAGE_MAX } from "../../contract/bounds.ts";

/** So many are read at most. */
export const PAGES_MAX = 20;

/** A full page has another one behind it, as far as is read at all. */
export function countPages(pages: readonly (readonly unknown[] | undefined)[]): number {
  const full = pages.findIndex((page) => page === undefined || page.length < PAGE_MAX);
  return Math.min(PAGES_MAX, 1 + (full === -1 ? pages.length : full));
}

/** What has moved to another page between two answers is on both. */
export function joinPages<Item extends { id: string }>(
  pages: readonly (readonly Item[] | undefined)[],
): Item[] {
  const items = pages.flatMap((page) => page ?? []);
  return [...new Map(items.map((item) => [item.id, item] as const)).values()];
}
