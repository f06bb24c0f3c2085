/** Logs: written in batches, found by filter, followed live, downloaded. */
import { stream } from "hono/streaming";
import { z } from "zod";
import { HOLD_SECONDS_MAX, PAGE_MAX } from "../../contract/bounds.ts";
import { addressOfKey } from "../../contract/envelope.ts";
import { keyOfId } from "../../contract/ids.ts";
import {
  journalOfLog,
  journalOfRun,
  journalsOfTaskRun,
  journalsWithoutRun,
  type JournalAddress,
} from "../../contract/journals.ts";
import { Page } from "../../contract/wire/common.ts";
import { Log, LogCreate, LogFilterIn, toLogFilter, type LogFilter } from "../../contract/wire/logs.ts";
import type { LogSort } from "../../objects/journal/operations.ts";
import { call, factory, fail, type ApiContext } from "../context.ts";
import { describe } from "../documents.ts";
import { acceptHubSocket } from "../hub-socket.ts";
import { addressesOfRuns, checkPage } from "../pools.ts";
import { noteSignsOfLife } from "../signs-of-life.ts";
import { body, query, uuidParam } from "../validation.ts";

const tag = "Logs";
const BATCH_LOGS_MAX = 20_000;
/** Pages of a download. */
const DOWNLOAD_PAGE = 500;
const TAIL_LOGS_MAX = 1000;
/** Journals that one search for the logs of task runs asks. */
const JOURNALS_ASKED_MAX = 200;

const LogsFilter = z.object({
  logs: LogFilterIn.nullish(),
  sort: z.enum(["TIMESTAMP_ASC", "TIMESTAMP_DESC"]).nullish(),
  limit: Page.limit,
  // A client pages through all logs of a run this way, however many there are.
  offset: z
    .int()
    .min(0)
    .nullish()
    .transform((offset) => offset ?? 0),
});

const TailQuery = z.object({
  after: z.coerce.number().pipe(z.int().min(0)).default(0),
  wait_seconds: z.coerce.number().pipe(z.number().min(0).max(HOLD_SECONDS_MAX)).default(0),
  limit: z.coerce.number().pipe(z.int().min(1).max(TAIL_LOGS_MAX)).default(PAGE_MAX),
});
const TailAnswer = z.object({ logs: z.array(Log), next: z.int() });

export const logs = factory
  .createApp()
  .get(
    "/logs/out",
    describe({
      summary: "A socket on which the logs that a filter wants arrive as they are written.",
      description: "The filter must name the flow runs, at most 20, by `flow_run_id.any_`.",
      tag,
      answers: { 101: null },
      refuses: ["bad_request"],
    }),
    (c) => acceptHubSocket(c, "logs-out"),
  )
  .post(
    "/logs",
    describe({ summary: "Write logs.", tag, answers: { 201: z.null() }, refuses: ["body_too_large"] }),
    body(z.array(LogCreate).max(BATCH_LOGS_MAX)),
    async (c) => {
      const groups = new Map<string, { address: JournalAddress; logs: LogCreate[] }>();
      const now = Date.now();
      for (const log of c.req.valid("json")) {
        const address = journalOfLog(c.get("workspace"), log, now);
        const group = groups.get(address.key);
        if (group === undefined) groups.set(address.key, { address, logs: [log] });
        else group.logs.push(log);
      }
      await Promise.all(
        [...groups.values()].map(({ address, logs }) => call(c, address, "write_logs", { logs })),
      );
      noteSignsOfLife(
        c,
        c.req.valid("json").flatMap(({ flow_run_id }) => flow_run_id ?? []),
      );
      return c.json(null, 201);
    },
  )
  .post(
    "/logs/filter",
    describe({
      summary: "Find logs.",
      tag,
      description:
        "Ids of flow runs say where to look. Without any, task runs are looked for in all pools, and else only logs are found that belong to no run of this server, those of the last days.",
      answers: { 200: z.array(Log) },
    }),
    body(LogsFilter),
    async (c) => {
      const { logs: wanted, sort, limit, offset } = c.req.valid("json");
      return c.json(await findLogs(c, toFilter(wanted), sort ?? "TIMESTAMP_ASC", limit, offset));
    },
  )
  .get(
    "/flow_runs/:id/logs/tail",
    describe({
      summary: "Follow the logs of a flow run.",
      tag,
      description:
        "Answers the logs after a place, oldest first, and the place to go on from. Where there is none yet the request is held for `wait_seconds`.",
      answers: { 200: TailAnswer },
      refuses: ["not_found"],
    }),
    query(TailQuery),
    async (c) => {
      const id = uuidParam(c, "id");
      const { after, wait_seconds, limit } = c.req.valid("query");
      const { address } = await readRun(c, id);
      return c.json(await call(c, address, "tail_logs", { flow_run_id: id, after, limit, wait_seconds }));
    },
  )
  .get(
    "/flow_runs/:id/logs/download",
    describe({
      summary: "Download the logs of a flow run.",
      tag,
      answers: { 200: z.string() },
      media: "text/csv",
      refuses: ["not_found"],
    }),
    async (c) => {
      const id = uuidParam(c, "id");
      const { address, name } = await readRun(c, id);
      const filter: LogFilter = { flow_run_ids: [id] };
      const readPage = (offset: number) =>
        call(c, address, "filter_logs", { filter, sort: "TIMESTAMP_ASC", limit: DOWNLOAD_PAGE, offset });
      // The first page is read before the answer begins, so that trouble can still be said.
      let page = await readPage(0);
      c.header("Content-Type", "text/csv; charset=utf-8");
      c.header(
        "Content-Disposition",
        `attachment; filename*=UTF-8''${encodeURIComponent(name.toWellFormed())}-logs.csv`,
      );
      return stream(c, async (out) => {
        await out.write(toCsv(["timestamp", "level", "flow_run_id", "task_run_id", "message"]));
        for (let offset = 0; page.length > 0; page = await readPage(offset)) {
          offset += page.length;
          const rows = page.map((log) =>
            toCsv([log.timestamp, String(log.level), log.flow_run_id, log.task_run_id, log.message]),
          );
          await out.write(rows.join(""));
        }
      });
    },
  );

/** Finds a run where its id says, and the journal that keeps its logs; ends the request where there is none. */
async function readRun(c: ApiContext, id: string): Promise<{ address: JournalAddress; name: string }> {
  const address = journalOfRun(c.get("workspace"), id);
  const key = keyOfId(id, "flow_run");
  if (address === undefined || key === undefined) return fail("not_found");
  const pool = { ...addressOfKey(c.get("workspace"), "pool", key), kind: "pool" as const };
  const { name } = await call(c, pool, "read_run", { id });
  return { address, name };
}

function toFilter(wanted: LogFilterIn | null | undefined): LogFilter {
  const filter = toLogFilter(wanted);
  if (typeof filter !== "string") return filter;
  return fail("invalid", undefined, {
    faults: [{ type: "value_error", loc: ["body", "logs", "operator"], msg: filter }],
  });
}

/** Asks the journals that can have such logs; where they are several, each for all that the page may need. */
async function findLogs(
  c: ApiContext,
  filter: LogFilter,
  sort: LogSort,
  limit: number,
  offset: number,
): Promise<Log[]> {
  const workspace = c.get("workspace");
  const wanted = new Map<string, { address: JournalAddress; filter: LogFilter }>();
  const withoutRun = () => journalsWithoutRun(workspace, Date.now());
  if (filter.flow_run_ids === undefined) {
    for (const address of withoutRun()) wanted.set(address.key, { address, filter });
    for (const address of await journalsOfTaskRuns(c, filter.task_run_ids ?? []))
      wanted.set(address.key, { address, filter });
  }
  for (const id of filter.flow_run_ids ?? []) {
    const own = journalOfRun(workspace, id);
    for (const address of own === undefined ? withoutRun() : [own]) {
      const ids = wanted.get(address.key)?.filter.flow_run_ids ?? [];
      wanted.set(address.key, { address, filter: { ...filter, flow_run_ids: [...ids, id] } });
    }
  }
  const [only, ...others] = wanted.values();
  if (only === undefined || limit === 0) return [];
  if (others.length === 0)
    return call(c, only.address, "filter_logs", { filter: only.filter, sort, limit, offset });
  checkPage({ limit, offset });
  const needed = offset + limit;
  const pages = await Promise.all(
    [only, ...others].map(({ address, filter }) =>
      call(c, address, "filter_logs", { filter, sort, limit: needed, offset: 0 }),
    ),
  );
  const direction = sort === "TIMESTAMP_ASC" ? 1 : -1;
  return pages
    .flat()
    .sort((left, right) =>
      left.timestamp === right.timestamp ? 0 : direction * (left.timestamp < right.timestamp ? -1 : 1),
    )
    .slice(offset, needed);
}

/** Task runs say nothing of their pool, so each pool is asked for the days on which they can have been. */
async function journalsOfTaskRuns(c: ApiContext, ids: readonly string[]): Promise<JournalAddress[]> {
  if (ids.length === 0) return [];
  const pools = await addressesOfRuns(c, { work_pools: null, run_ids: null });
  const keys = pools.map(({ key }) => key);
  const found = new Map<string, JournalAddress>();
  for (const id of ids)
    for (const address of journalsOfTaskRun(c.get("workspace"), id, keys, Date.now()))
      found.set(address.key, address);
  if (found.size > JOURNALS_ASKED_MAX)
    fail("invalid", "These task runs may be in too many places; name their flow runs as well.");
  return [...found.values()];
}

function toCsv(fields: readonly (string | null)[]): string {
  const cells = fields.map((field) => {
    const text = field ?? "";
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${cells.join(",")}\r\n`;
}
