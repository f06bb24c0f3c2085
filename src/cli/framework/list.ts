/** Reads lists page by page. */

/** The API gives at most this many records at once. */
const PAGE_SIZE = 200;

/** Reads records until there are no more, or `limit` of them. */
export async function readAll<Value>(
  readPage: (page: { limit: number; offset: number }) => Promise<Value[]>,
  { limit = 10_000, offset = 0 }: { limit?: number; offset?: number } = {},
): Promise<Value[]> {
  const all: Value[] = [];
  while (all.length < limit) {
    const size = Math.min(PAGE_SIZE, limit - all.length);
    const page = await readPage({ limit: size, offset: offset + all.length });
    all.push(...page);
    if (page.length < size) break;
  }
  return all;
}
