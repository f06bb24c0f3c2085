/** Reads lists page by page. */
import type { Cli } from "./cli.ts";

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

/** Reads `limit` records; where nobody has said how many, `usual` of them, and says so if there are more. */
export async function readSome<Value>(
  cli: Cli,
  readPage: (page: { limit: number; offset: number }) => Promise<Value[]>,
  { limit, usual, offset = 0 }: { limit: number | undefined; usual: number; offset?: number | undefined },
): Promise<Value[]> {
  if (limit !== undefined) return readAll(readPage, { limit, offset });
  const found = await readAll(readPage, { limit: usual + 1, offset });
  if (found.length > usual) cli.note(`Only ${usual} are shown; --limit shows more.`);
  return found.slice(0, usual);
}
