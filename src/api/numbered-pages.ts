/** Lists by numbered pages, as Prefect's dashboard asks for them: each answer says how many pages there are. */
import { z } from "zod";
import { PAGE_MAX } from "../contract/bounds.ts";
import type { NumberedPage } from "../contract/wire/common.ts";

/** What such a list is answered with. */
export function numberedPage<Item extends z.ZodType>(item: Item) {
  return z.object({
    results: z.array(item),
    count: z.int(),
    limit: z.int(),
    pages: z.int(),
    page: z.int(),
  });
}

/** Where a page lies in the whole list. */
export function windowOf({ limit, page }: NumberedPage) {
  return { limit, offset: (page - 1) * limit };
}

/** The answer, from what lies in the window and the count of all there is. */
export function answerPage<Item>({ limit, page }: NumberedPage, results: Item[], count: number) {
  return { results, count, limit, pages: limit === 0 ? 0 : Math.ceil(count / limit), page };
}

/** One page of a list that is at hand as a whole; even an empty one has a first page. */
export function slicePage<Item>(
  list: readonly Item[],
  asked: { limit?: number | null | undefined; page?: number | null | undefined },
) {
  const limit = asked.limit ?? PAGE_MAX;
  const page = asked.page ?? 1;
  const { offset } = windowOf({ limit, page });
  return {
    items: list.slice(offset, offset + limit),
    limit,
    pages: Math.max(1, Math.ceil(list.length / limit)),
    page,
  };
}
