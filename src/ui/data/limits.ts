/** The limits of the first page: thousands of them come page by page, each of which is kept up to date by itself. */
import { useRef } from "preact/hooks";
import type { LimitCounts, LimitFamily, LimitOverview } from "../../contract/wire/limits.ts";
import type { ApiError, Request } from "./http.ts";
import { joinPages } from "./pages.ts";
import { useLatest, useQueries, type Query } from "./query.ts";

/** One answer asks so many objects at most. */
export const LIMITS_PAGE = 100;
/** What a row shows of holders and waiters. */
const SHOWN = { holders: 48, waiters: 8 };
/** Limits that are not shown are only counted, and as often as a scraper of metrics asks for them. */
const COUNTED = { holders: 0, waiters: 0 };
const COUNTED_EVERY_MS = 60_000;
/** Those behind so many pages are not asked. */
const COUNTED_PAGES_MAX = 10;

/** Of all limits, or of those in whose name a text is. */
export function useLimitCounts(find: string): Query<LimitCounts> {
  return useLatest<LimitCounts>({
    method: "POST",
    path: "/v2/concurrency_limits/count-by-family",
    body: find === "" ? {} : { limits: { name: { like_: find } } },
  });
}

/** The first pages of a family; undefined until the first one is there. What was found before stays until then. */
export function useLimits(
  family: LimitFamily,
  find: string,
  pages: number,
): { limits: LimitOverview[] | undefined; error: ApiError | undefined } {
  const answers = useQueries<LimitOverview[]>(
    Array.from({ length: pages }, (_, page) => askForLimits(family, find, page)),
  );
  const last = useRef<LimitOverview[]>();
  if (pages === 0 || answers[0]?.value !== undefined) {
    last.current = joinPages(answers.map(({ value }) => value));
  }
  const error = answers.find((answer) => answer.error !== undefined)?.error;
  return { limits: last.current, error };
}

/** The limits behind the open pages of families, as they were up to a minute ago; undefined until they are known. */
export function useOtherLimits(
  families: readonly { family: LimitFamily; count: number; pages: number }[],
  find: string,
): LimitOverview[] | undefined {
  const asked = families.flatMap(({ family, count, pages }) =>
    Array.from({ length: Math.max(0, Math.ceil(count / LIMITS_PAGE) - pages) }, (_, index) => ({
      ...askForLimits(family, find, pages + index, COUNTED),
      everyMs: COUNTED_EVERY_MS,
    })),
  );
  const answers = useQueries<LimitOverview[]>(asked.slice(0, COUNTED_PAGES_MAX));
  const last = useRef<LimitOverview[]>();
  if (answers.every(({ value }) => value !== undefined))
    last.current = joinPages(answers.map(({ value }) => value));
  return last.current;
}

/** The limits of these names, no more than a page of them. */
export function useNamedLimits(names: readonly string[]): LimitOverview[] {
  const body = {
    limits: { name: { any_: names.slice(0, LIMITS_PAGE) } },
    sort: "MACHINE_ASC",
    limit: LIMITS_PAGE,
    ...SHOWN,
  };
  const { value = [] } = useLatest<LimitOverview[]>(names.length === 0 ? null : { ...OVERVIEW, body });
  return names.length === 0 ? [] : value;
}

const OVERVIEW = { method: "POST", path: "/v2/concurrency_limits/overview" } as const;

function askForLimits(family: LimitFamily, find: string, page: number, listed = SHOWN): Request {
  return {
    ...OVERVIEW,
    body: {
      limits: { family: { any_: [family] }, ...(find !== "" && { name: { like_: find } }) },
      sort: "MACHINE_ASC",
      limit: LIMITS_PAGE,
      offset: page * LIMITS_PAGE,
      ...listed,
    },
  };
}
