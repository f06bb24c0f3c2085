/** Whole lists of the API, read page after page; each page is a question of its own, which is kept up to date. */
import { useEffect, useState } from "preact/hooks";
import { PAGE_MAX } from "../../contract/bounds.ts";
import type { Request } from "./http.ts";
import { countPages, joinPages, PAGES_MAX } from "./pages.ts";
import { NOTHING, useQueries, type Query } from "./query.ts";

export interface Whole<Item> {
  /** What is known so far, in the list's order; undefined until the first page is there. */
  items: Item[] | undefined;
  /** All there is has been read. */
  areAll: boolean;
  /** There is more than is read at all. */
  isCut: boolean;
  /** The question for the first page: why it is not there. */
  first: Query<unknown>;
}

/** The list that this request begins, whose body takes `limit` and `offset`. */
export function useWhole<Item extends { id: string }>(request: Request): Whole<Item> {
  const [whole] = useWholes<Item>([request]);
  return whole ?? describe([]);
}

/** As {@link useWhole} of several lists, in the order of their requests. */
export function useWholes<Item extends { id: string }>(requests: readonly Request[]): Whole<Item>[] {
  const [counts, setCounts] = useState<Record<string, number>>({});
  const keys = requests.map((request) => JSON.stringify(request));
  const asked = requests.flatMap((request, list) =>
    Array.from({ length: counts[keys[list] ?? ""] ?? 1 }, (_, page) => ({ list, request, page })),
  );
  const answers = useQueries<Item[]>(
    asked.map(({ request, page }) => ({
      ...request,
      body: { ...(request.body as object), limit: PAGE_MAX, offset: page * PAGE_MAX },
    })),
  );
  const pagesOf = requests.map((_, list) => answers.filter((__, index) => asked[index]?.list === list));
  const wanted = Object.fromEntries(
    pagesOf.map((pages, list) => [keys[list] ?? "", countPages(pages.map(({ value }) => value))] as const),
  );
  const next = JSON.stringify(wanted);
  useEffect(() => setCounts(JSON.parse(next) as Record<string, number>), [next]);
  return pagesOf.map(describe);
}

function describe<Item extends { id: string }>(answers: readonly Query<Item[]>[]): Whole<Item> {
  const pages = answers.map(({ value }) => value);
  const isCut = pages.length === PAGES_MAX && pages.every((page) => page?.length === PAGE_MAX);
  return {
    items: pages[0] === undefined ? undefined : joinPages(pages),
    areAll: !isCut && pages.at(-1) !== undefined && countPages(pages) === pages.length,
    isCut,
    first: answers[0] ?? NOTHING,
  };
}
