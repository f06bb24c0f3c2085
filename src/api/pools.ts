/** Ways to the pools: by name, by an id, or to many of them at once. */
import { OFFSET_MAX } from "../contract/bounds.ts";
import { addressOfKey, addressOfName, addressOfWorkspace, type AddressOf } from "../contract/envelope.ts";
import type { IdLayout } from "../contract/ids.ts";
import { deriveShardKey, keyOfId } from "../contract/ids.ts";
import { INTERNAL_POOL_NAMES } from "../contract/internal-pools.ts";
import type { WorkQueueFilter } from "../contract/wire/catalog-filters.ts";
import type { WorkPoolFilter } from "../contract/wire/filters.ts";
import type { WorkPool } from "../contract/wire/work-pools.ts";
import type { DirectoryEntry } from "../objects/workspace/operations.ts";
import { call, fail, orIfAbsent, type ApiContext } from "./context.ts";

const DIRECTORY_PAGE = 500;

/** A pool that is reached by its name. */
export interface NamedPool {
  address: AddressOf<"pool">;
  name: string;
}

/** The pool of that name, existing or not. */
export function poolOfName(c: ApiContext, name: string): NamedPool {
  return { address: addressOfName(c.get("workspace"), "pool", name), name };
}

/** The pool object that keeps what an id names; 404 for an id that is not one of ours. */
export function poolOfId(c: ApiContext, id: string, layout: IdLayout, detail: string): AddressOf<"pool"> {
  const key = keyOfId(id, layout);
  return key === undefined ? fail("not_found", detail) : addressOfKey(c.get("workspace"), "pool", key);
}

/** What a filter says about queues, as a pool's operations take it. */
export function queuesMeantBy(filter: WorkQueueFilter | null | undefined): {
  ids?: string[];
  names?: string[];
  name_prefixes?: string[];
} {
  return {
    ...(filter?.id?.any_ && { ids: filter.id.any_ }),
    ...(filter?.name?.any_ && { names: filter.name.any_ }),
    ...(filter?.name?.startswith_ && { name_prefixes: filter.name.startswith_ }),
  };
}

/** All pools of the workspace by name, the internal ones left out; or the deleted ones, whose runs are still there. */
export async function listPools(
  c: ApiContext,
  kind: "pool" | "former_pool" = "pool",
): Promise<DirectoryEntry[]> {
  const workspace = addressOfWorkspace(c.get("workspace"));
  const found: DirectoryEntry[] = [];
  for (;;) {
    const page = await call(c, workspace, "list_directory", {
      kind,
      after_name: found.at(-1)?.name ?? "",
      limit: DIRECTORY_PAGE,
    });
    found.push(...page);
    if (page.length < DIRECTORY_PAGE) return found;
  }
}

type Maybe<Of> = Of | null | undefined;

/** Tells whether a value passes a list of wanted ones; an empty list lets nothing pass. */
function passes(list: Maybe<readonly string[]>, value: string): boolean | undefined {
  return list === null || list === undefined ? undefined : list.includes(value);
}

function combine(verdicts: (boolean | undefined)[], operator: Maybe<"and_" | "or_">): boolean {
  const said = verdicts.filter((verdict) => verdict !== undefined);
  if (said.length === 0) return true;
  return operator === "or_" ? said.some(Boolean) : said.every(Boolean);
}

/** The pools that pass a filter, as records. Deleted ones that the directory still names are left out. */
export async function readPools(c: ApiContext, filter: Maybe<WorkPoolFilter>): Promise<WorkPool[]> {
  const entries = await listPools(c);
  // Where every condition must hold, names and ids alone spare most of the reads.
  const isAnd = filter?.operator !== "or_";
  const near = entries.filter(
    ({ id, name }) =>
      !isAnd || combine([passes(filter?.id?.any_, id), passes(filter?.name?.any_, name)], "and_"),
  );
  const pools = await Promise.all(
    near.map(({ name }) => {
      const pool = poolOfName(c, name);
      return orIfAbsent(call(c, pool.address, "read", {}, { name }), undefined);
    }),
  );
  return pools.filter(
    (pool) =>
      pool !== undefined &&
      combine(
        [
          passes(filter?.id?.any_, pool.id),
          passes(filter?.name?.any_, pool.name),
          passes(filter?.type?.any_, pool.type),
        ],
        filter?.operator,
      ),
  ) as WorkPool[];
}

/** The addresses of the pools that a question about runs concerns. */
export async function addressesOfRuns(
  c: ApiContext,
  of: { work_pools: Maybe<WorkPoolFilter>; run_ids: Maybe<readonly string[]> },
): Promise<AddressOf<"pool">[]> {
  const workspace = c.get("workspace");
  if (of.work_pools) {
    const pools = await readPools(c, of.work_pools);
    return pools.map(({ name }) => addressOfName(workspace, "pool", name));
  }
  if (of.run_ids) {
    const keys = new Set(of.run_ids.map((id) => keyOfId(id, "flow_run")).filter((key) => key !== undefined));
    return [...keys].map((key) => addressOfKey(workspace, "pool", key));
  }
  const listed = await Promise.all([listPools(c), listPools(c, "former_pool")]);
  const names = [...listed.flat().map(({ name }) => name), ...INTERNAL_POOL_NAMES];
  return [...new Set(names.map((name) => deriveShardKey("pool", workspace, name)))].map((key) =>
    addressOfKey(workspace, "pool", key),
  );
}

/** Refuses a page that begins too far down: every pool would have to send all that comes before. */
export function checkPage({ limit, offset }: { limit: number; offset: number }): void {
  if (offset + limit > OFFSET_MAX)
    fail("invalid", `offset + limit may be at most ${OFFSET_MAX}; narrow the filter instead.`);
}
