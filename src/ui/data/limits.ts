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

function askForLimits(family: LimitFamily, find: string, page: number): Request {
  return {
    method: "POST",
    path: "/v2/concurrency_limits/overview",
    body: {
      limits: { family: { any_: [family] }, ...(find !== "" && { name: { like_: find } }) },
      sort: "MACHINE_ASC",
      limit: LIMITS_PAGE,
      offset: page * LIMITS_PAGE,
      ...SHOWN,
    },
  };
}
