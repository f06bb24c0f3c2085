/** Lists of limits: the directory says which there are, their objects how they stand. */
import type { z } from "zod";
import { addressOfKey, addressOfWorkspace, type AddressOf } from "../contract/envelope.ts";
import type { Limit, LimitOverview, OverviewPage } from "../contract/wire/limits.ts";
import { call, orIfAbsent, type ApiContext } from "./context.ts";

const DIRECTORY_PAGE = 500;

/** Asks several limits; one that has gone meanwhile is left out. */
async function askMany<Value>(
  c: ApiContext,
  keys: readonly string[],
  ask: (address: AddressOf<"limit">) => Promise<Value>,
): Promise<Value[]> {
  const answers = await Promise.all(
    keys.map((key) => orIfAbsent(ask(addressOfKey(c.get("workspace"), "limit", key)), undefined)),
  );
  return answers.filter((answer) => answer !== undefined);
}

/** A page of limits in the order of their names. */
export async function listLimits(
  c: ApiContext,
  page: { limit: number; offset: number },
  isWanted?: (name: string) => boolean,
): Promise<Limit[]> {
  return askMany(c, await listKeys(c, page, isWanted), (address) => call(c, address, "read", {}));
}

/** The limits of a filter, each with holders and waiters. */
export async function listOverviews(
  c: ApiContext,
  { limits, holders, waiters, ...page }: z.infer<typeof OverviewPage>,
): Promise<LimitOverview[]> {
  const command = { filter: limits ?? {}, ...page };
  const entries = await call(c, addressOfWorkspace(c.get("workspace")), "filter_limits", command);
  const keys = entries.map(({ key }) => key);
  return askMany(c, keys, (address) => call(c, address, "read_overview", { holders, waiters }));
}

async function listKeys(
  c: ApiContext,
  page: { limit: number; offset: number },
  isWanted: (name: string) => boolean = () => true,
): Promise<string[]> {
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
  return wanted.slice(page.offset, page.offset + page.limit);
}
