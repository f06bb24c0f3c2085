/** Lists of limits: the directory says which there are, their objects how they stand. */
import { addressOfKey, addressOfWorkspace } from "../contract/envelope.ts";
import type { Limit } from "../contract/wire/limits.ts";
import { call, orIfAbsent, type ApiContext } from "./context.ts";

const DIRECTORY_PAGE = 500;

/** Asks several limits how they stand; one that has gone meanwhile is left out. */
async function readMany(c: ApiContext, keys: string[]): Promise<Limit[]> {
  const limits = await Promise.all(
    keys.map((key) =>
      orIfAbsent(call(c, addressOfKey(c.get("workspace"), "limit", key), "read", {}), undefined),
    ),
  );
  return limits.filter((limit) => limit !== undefined);
}

/** A page of limits in the order of their names. */
export async function listLimits(
  c: ApiContext,
  page: { limit: number; offset: number },
  isWanted: (name: string) => boolean = () => true,
): Promise<Limit[]> {
  const wanted: string[] = [];
  let after_name = "";
  while (wanted.length < page.offset + page.limit) {
    const entries = await call(c, addressOfWorkspace(c.get("workspace")), "list_directory", {
      kind: "limit",
      after_name,
      limit: DIRECTORY_PAGE,
    });
    wanted.push(...entries.filter(({ name }) => isWanted(name)).map(({ key }) => key));
    after_name = entries.at(-1)?.name ?? "";
    if (entries.length < DIRECTORY_PAGE) break;
  }
  return readMany(c, wanted.slice(page.offset, page.offset + page.limit));
}
