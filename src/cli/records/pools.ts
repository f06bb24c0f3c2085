/** Work pools, work queues and workers as people see them. */
import { writeCommand } from "../../contract/commands.ts";
import type { Client } from "../../client/index.ts";
import { LostRunPolicy, type Worker, type WorkPool, type WorkQueue } from "../../contract/wire/work-pools.ts";
import { find, rephrase } from "../api.ts";
import { CommandError, UsageError } from "../framework/errors.ts";
import { option, optionalArgument, parseText, type ValuesOf } from "../framework/parameters.ts";
import { isId } from "../framework/values.ts";
import type { Color, Column, Detail } from "../output/table.ts";
import { formatRelative } from "../output/time.ts";
import { explainMissing } from "./missing.ts";

/** What `--lost-runs` takes. */
export const LOST_RUNS = LostRunPolicy.options;

/** A list of one pool, which is named by `--pool` as in Prefect's commands, or just named. */
export const POOL_PARAMETERS = {
  named: optionalArgument("POOL", "The same as --pool", parseText, { completes: "pools" }),
  pool: option("-p, --pool <name>", "Only of this work pool", parseText, { completes: "pools" }),
};

/** The pool of {@link POOL_PARAMETERS}, undefined where all are meant. */
export function choosePool({ named, pool }: ValuesOf<typeof POOL_PARAMETERS>): string | undefined {
  if (named !== undefined && pool !== undefined && named !== pool)
    throw new UsageError(`Name one work pool, ${named} or ${pool}.`);
  return named ?? pool;
}

/** Reads a pool; a missing one is explained. */
export function readPool(api: Client, name: string): Promise<WorkPool> {
  return orMissingPool(api, name, api.workPools.read(name));
}

/** Explains a 404 of a call about a pool. */
export function orMissingPool<Value>(api: Client, name: string, promise: Promise<Value>): Promise<Value> {
  return rephrase(promise, 404, () => explainMissingPool(api, name));
}

/** One sentence about a pool that is not there. */
export function explainMissingPool(api: Client, name: string): Promise<string> {
  return explainMissing(
    "work pool",
    name,
    async () => (await api.workPools.list({ limit: 200 })).map((pool) => pool.name),
    `create it with \`${writeCommand("work-pool", "create", name, "--type", "process")}\``,
  );
}

/** Reads a queue by name, in its pool or in the default one, or by id. */
export async function readQueue(api: Client, name: string, pool: string | undefined): Promise<WorkQueue> {
  const byId = isId(name) ? await find(api.workQueues.read(name)) : undefined;
  const queue = byId ?? (await find(api.workQueues.readByName(name, { pool })));
  if (queue !== undefined) return queue;
  if (pool === undefined)
    throw new UsageError(`No work queue named ${name} in the default pool; name its pool with --pool.`);
  await readPool(api, pool);
  const advice = `create it with \`${writeCommand("work-queue", "create", name, "--pool", pool)}\``;
  const listNames = async (): Promise<string[]> =>
    (await api.workQueues.list({ limit: 200 }, { pool })).map((other) => other.name);
  throw new CommandError(await explainMissing(`work queue in ${pool}`, name, listNames, advice));
}

/** Colour of a status in lists. */
function colorStatus(status: string | null | undefined): Color | undefined {
  if (status === "READY" || status === "ONLINE") return "green";
  if (status === "PAUSED") return "yellow";
  return status === null || status === undefined ? undefined : "gray";
}

function formatStatus(status: string): string {
  return status.toLowerCase().replaceAll("_", " ");
}

function formatLimit({
  active_slots,
  concurrency_limit,
}: {
  active_slots: number | null;
  concurrency_limit: number | null;
}): string | null {
  return concurrency_limit === null ? null : `${active_slots ?? 0} of ${concurrency_limit}`;
}

export const POOL_COLUMNS: readonly Column<WorkPool>[] = [
  { title: "Name", value: ({ name }) => name },
  { title: "Type", value: ({ type }) => type },
  {
    title: "Status",
    value: ({ status }) => formatStatus(status),
    color: ({ status }) => colorStatus(status),
  },
  { title: "Slots in use", value: formatLimit },
  { title: "Description", value: ({ description }) => description, rank: 1 },
];

/** Everything about one pool but its template. */
export function describePool(pool: WorkPool, now: number): Detail[] {
  return [
    ["Name", pool.name],
    ["Type", pool.type],
    ["Status", formatStatus(pool.status)],
    ["Description", pool.description],
    ["Slots in use", formatLimit(pool) ?? "no limit"],
    ["Created", formatRelative(pool.created, now)],
    ["Updated", formatRelative(pool.updated, now)],
    ["Default queue", pool.default_queue_id],
    ["Id", pool.id],
    ["Base job template", JSON.stringify(pool.base_job_template, null, 2)],
  ];
}

/** Columns of a list of queues. */
export function queueColumns(now: number): Column<WorkQueue>[] {
  return [
    { title: "Name", value: ({ name }) => name },
    { title: "Pool", value: ({ work_pool_name }) => work_pool_name },
    { title: "Priority", value: ({ priority }) => priority, align: "right" },
    {
      title: "Status",
      value: ({ status }) => formatStatus(status),
      color: ({ status }) => colorStatus(status),
    },
    { title: "Slots in use", value: formatLimit },
    { title: "Last polled", value: ({ last_polled }) => formatRelative(last_polled, now), rank: 1 },
  ];
}

/** Everything about one queue. */
export function describeQueue(queue: WorkQueue, now: number): Detail[] {
  return [
    ["Name", queue.name],
    ["Pool", queue.work_pool_name],
    ["Status", formatStatus(queue.status)],
    ["Priority", queue.priority],
    ["Slots in use", formatLimit(queue) ?? "no limit"],
    ["Description", queue.description],
    ["Last polled", formatRelative(queue.last_polled, now)],
    ["Created", formatRelative(queue.created, now)],
    ["Id", queue.id],
  ];
}

/** Columns of a list of workers. */
export function workerColumns(now: number): Column<{ worker: Worker; pool: string }>[] {
  return [
    { title: "Name", value: ({ worker }) => worker.name },
    { title: "Pool", value: ({ pool }) => pool },
    {
      title: "Status",
      value: ({ worker }) => formatStatus(worker.status),
      color: ({ worker }) => colorStatus(worker.status),
    },
    { title: "Running", value: ({ worker }) => formatRunning(worker) },
    { title: "GPUs", value: ({ worker }) => worker.gpus?.map(({ name }) => name).join(", "), rank: 1 },
    {
      title: "Last heartbeat",
      value: ({ worker }) => formatRelative(worker.last_heartbeat_time, now),
    },
  ];
}

function formatRunning({ running, limit }: Worker): string | null {
  if (running === undefined) return null;
  return typeof limit === "number" ? `${running} of ${limit}` : String(running);
}
