/** `/work_pools`: pools, their queues, workers and claims (source: wire §3.3, §3.4, §3.6, §4.2). */
import { z } from "zod";
import { PAGE_MAX } from "../../contract/bounds.ts";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import { Claim, ClaimAnswer, SessionAnswer, SessionBeat } from "../../contract/wire/agents.ts";
import { Id, InstantIn, Name, Page } from "../../contract/wire/common.ts";
import { WorkQueueFilter } from "../../contract/wire/catalog-filters.ts";
import { WorkerFilter, WorkPoolFilter } from "../../contract/wire/filters.ts";
import { FlowRun } from "../../contract/wire/flow-runs.ts";
import {
  ChangePreview,
  PreviewedChange,
  Worker,
  WorkPool,
  WorkPoolCreate,
  WorkPoolUpdate,
  WorkQueue,
  WorkQueueCreate,
  WorkQueueUpdate,
} from "../../contract/wire/work-pools.ts";
import { POOL_NAME_HEADER, WORKER_NAME_HEADER } from "../../objects/pool/channel.ts";
import type { PoolOperations } from "../../objects/pool/operations.ts";
import { judgeAuthorization } from "../../objects/shared/key.ts";
import { stubOf } from "../../objects/shared/stub.ts";
import { call, factory, fail, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { slicePage } from "../numbered-pages.ts";
import { poolOfName, queuesMeantBy, readPools, type NamedPool } from "../pools.ts";
import { body, query, uuidParam } from "../validation.ts";
import { acceptWorkerChannel } from "../worker-channel.ts";

const RESERVED = /^prefect/i;
const RESERVED_DETAIL = "Work pools starting with 'Prefect' are reserved for internal use.";

const describe = describeResource("Work pools");

/** Routes whose body is single parameters ignore what they do not know (source: wire §9.4). */
const PoolsFilter = z.object({ work_pools: WorkPoolFilter.nullish(), ...Page });
const PoolsCount = z.object({ work_pools: WorkPoolFilter.nullish() });
const Scheduled = z.object({
  work_queue_names: z.array(z.string()).max(1000).nullish(),
  scheduled_before: InstantIn.nullish(),
  scheduled_after: InstantIn.nullish(),
  limit: Page.limit,
});
const ConcurrencyStatus = z.object({
  page: z.int().min(1).nullish(),
  flow_run_limit: z.int().min(0).max(PAGE_MAX).nullish(),
  limit: z.int().min(1).max(PAGE_MAX).nullish(),
});
const LineQuery = z.object({
  work_queue_id: Id.optional(),
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_MAX),
});
const QueuesFilter = z.object({ work_queues: WorkQueueFilter.nullish(), ...Page });
const WorkersFilter = z.object({ workers: WorkerFilter.nullish(), ...Page });
const Heartbeat = z.object({
  name: Name,
  heartbeat_interval_seconds: z.number().min(1).max(86_400).nullish(),
});
const ScheduledRun = z.object({ work_pool_id: Id, work_queue_id: Id, flow_run: FlowRun });

const SlotSummary = z.object({
  id: Id,
  name: z.string(),
  state_type: z.string().nullable(),
  state_name: z.string().nullable(),
  start_time: z.string().nullable(),
  state_timestamp: z.string().nullable(),
  time_in_current_state: z.number().nullable(),
});
const PoolSlots = z.object({
  active_slots: z.int(),
  concurrency_limit: z.int().nullable(),
  queues: z.array(
    z.object({
      queue_id: Id,
      queue_name: z.string(),
      active_slots: z.int(),
      concurrency_limit: z.int().nullable(),
      flow_runs: z.array(SlotSummary),
      flow_run_count: z.int(),
    }),
  ),
  count: z.int(),
  limit: z.int(),
  pages: z.int(),
  page: z.int(),
});

/** The pool that the path names. */
function poolOf(c: ApiContext): NamedPool {
  return poolOfName(c, c.req.param("name") ?? "");
}

/** The same, for calls that change it. */
function ownPoolOf(c: ApiContext): NamedPool {
  const pool = poolOf(c);
  return RESERVED.test(pool.name) ? fail("forbidden", RESERVED_DETAIL) : pool;
}

/** A run as `work-pool slots` shows it. */
export function summarize(run: FlowRun): z.infer<typeof SlotSummary> {
  const since = run.state?.timestamp ?? null;
  return {
    id: run.id,
    name: run.name,
    state_type: run.state_type,
    state_name: run.state_name,
    start_time: run.start_time,
    state_timestamp: since,
    time_in_current_state: since === null ? null : Math.max(0, (Date.now() - Date.parse(since)) / 1000),
  };
}

/** The queues of one pool as `concurrency_status` pages them. */
export function pageQueues(
  status: PoolOperations["concurrency_status"]["answer"],
  asked: Parameters<typeof slicePage>[1],
) {
  const { items, limit, pages, page } = slicePage(status.queues, asked);
  return {
    active_slots: status.active_slots,
    concurrency_limit: status.limit,
    queues: items.map((queue) => ({
      queue_id: queue.queue_id,
      queue_name: queue.queue_name,
      active_slots: queue.active_slots,
      concurrency_limit: queue.limit,
      flow_runs: queue.flow_runs.map(summarize),
      flow_run_count: queue.active_slots,
    })),
    count: status.queues.length,
    limit,
    pages,
    page,
  };
}

export const workPools = factory
  .createApp()
  .post("/", describe("Create a work pool", 201, WorkPool), body(WorkPoolCreate), async (c) => {
    const create = c.req.valid("json");
    if (RESERVED.test(create.name)) fail("forbidden", RESERVED_DETAIL);
    const { address, name } = poolOfName(c, create.name);
    const pool = await call(c, address, "create", create, { name, is_act: true });
    // The pool reports itself by outbox; telling the directory here as well makes the next list show it.
    await call(c, addressOfWorkspace(c.get("workspace")), "register", {
      kind: "pool",
      entry: { id: pool.id, name, key: address.key },
    }).catch(() => null);
    return c.json(pool, 201);
  })
  .post(
    "/filter",
    describe("List work pools by name", 200, z.array(WorkPool)),
    body(PoolsFilter),
    async (c) => {
      const { work_pools, limit, offset } = c.req.valid("json");
      const pools = await readPools(c, work_pools);
      return c.json(pools.slice(offset, offset + limit));
    },
  )
  .post("/count", describe("Count work pools", 200, z.int()), body(PoolsCount), async (c) => {
    const pools = await readPools(c, c.req.valid("json").work_pools);
    return c.json(pools.length);
  })
  .get("/:name", describe("Read a work pool", 200, WorkPool), async (c) => {
    const { address, name } = poolOf(c);
    return c.json(await call(c, address, "read", {}, { name }));
  })
  .patch("/:name", describe("Change a work pool", 204), body(WorkPoolUpdate), async (c) => {
    const { address, name } = ownPoolOf(c);
    await call(c, address, "update", c.req.valid("json"), { name, is_act: true });
    return c.body(null, 204);
  })
  .delete("/:name", describe("Delete a work pool; its runs stay readable", 204), async (c) => {
    const { address, name } = ownPoolOf(c);
    const { id } = await call(c, address, "read", {}, { name });
    await call(c, address, "delete", {}, { name, is_act: true });
    await call(c, addressOfWorkspace(c.get("workspace")), "unregister", { kind: "pool", name, id }).catch(
      () => null,
    );
    return c.body(null, 204);
  })
  .post(
    "/:name/get_scheduled_flow_runs",
    describe("What workers of this pool may run; reserves nothing", 200, z.array(ScheduledRun)),
    body(Scheduled),
    async (c) => {
      const { address, name } = poolOf(c);
      const { work_queue_names, scheduled_before, scheduled_after, limit } = c.req.valid("json");
      const runs = await call(
        c,
        address,
        "get_scheduled",
        {
          work_queue_names: work_queue_names ?? null,
          scheduled_before: scheduled_before ?? null,
          scheduled_after: scheduled_after ?? null,
          limit,
          csrf_client: c.req.header("prefect-csrf-client") ?? null,
        },
        { name },
      );
      return c.json(
        runs.map((flow_run) => ({
          work_pool_id: flow_run.work_pool_id,
          work_queue_id: flow_run.work_queue_id,
          flow_run,
        })),
      );
    },
  )
  .post(
    "/:name/concurrency_status",
    describe("Who holds the slots of this pool", 200, PoolSlots),
    body(ConcurrencyStatus),
    async (c) => {
      const { address, name } = poolOf(c);
      const sent = c.req.valid("json");
      const command = { limit: sent.flow_run_limit ?? 10 };
      return c.json(pageQueues(await call(c, address, "concurrency_status", command, { name }), sent));
    },
  )
  .get(
    "/:name/line",
    describe(
      "The flow runs of this pool that are due and wait, in the order in which they are given to workers",
      200,
      z.array(FlowRun),
    ),
    query(LineQuery),
    async (c) => {
      const { address, name } = poolOf(c);
      const { work_queue_id, limit } = c.req.valid("query");
      const command = { limit, ...(work_queue_id !== undefined && { queue_id: work_queue_id }) };
      return c.json(await call(c, address, "list_line", command, { name }));
    },
  )
  .post(
    "/:name/preview_change",
    describe(
      "What a change of this pool or of one of its queues would do at once; changes nothing",
      200,
      ChangePreview,
    ),
    body(PreviewedChange),
    async (c) => {
      const { address, name } = poolOf(c);
      return c.json(await call(c, address, "preview_change", c.req.valid("json"), { name }));
    },
  )
  .post(
    "/:name/queues",
    describe("Create a work queue", 201, WorkQueue),
    body(WorkQueueCreate),
    async (c) => {
      const { address, name } = poolOf(c);
      const create = c.req.valid("json");
      return c.json(await call(c, address, "create_queue", create, { name, is_act: true }), 201);
    },
  )
  .post(
    "/:name/queues/filter",
    describe("List the queues of a work pool by priority", 200, z.array(WorkQueue)),
    body(QueuesFilter),
    async (c) => {
      const { address, name } = poolOf(c);
      const { work_queues, limit, offset } = c.req.valid("json");
      const command = {
        limit,
        offset,
        ...queuesMeantBy(work_queues),
      };
      return c.json(await call(c, address, "filter_queues", command, { name }));
    },
  )
  .get("/:name/queues/:queue", describe("Read a work queue", 200, WorkQueue), async (c) => {
    const { address, name } = poolOf(c);
    return c.json(await call(c, address, "read_queue", { name: c.req.param("queue") }, { name }));
  })
  .patch("/:name/queues/:queue", describe("Change a work queue", 204), body(WorkQueueUpdate), async (c) => {
    const { address, name } = poolOf(c);
    const command = { name: c.req.param("queue"), update: c.req.valid("json") };
    await call(c, address, "update_queue", command, { name, is_act: true });
    return c.body(null, 204);
  })
  .delete("/:name/queues/:queue", describe("Delete a work queue", 204), async (c) => {
    const { address, name } = poolOf(c);
    await call(c, address, "delete_queue", { name: c.req.param("queue") }, { name, is_act: true });
    return c.body(null, 204);
  })
  .post(
    "/:name/workers/heartbeat",
    describe("A worker says that it lives", 204),
    body(Heartbeat),
    async (c) => {
      const { address, name } = poolOf(c);
      const beat = c.req.valid("json");
      const { heartbeat_interval_seconds = null } = beat;
      await call(c, address, "heartbeat", { name: beat.name, heartbeat_interval_seconds }, { name });
      return c.body(null, 204);
    },
  )
  .post(
    "/:name/workers/filter",
    describe("List the workers of a work pool", 200, z.array(Worker)),
    body(WorkersFilter),
    async (c) => {
      const { address, name } = poolOf(c);
      const { workers, limit, offset } = c.req.valid("json");
      const unwanted = workers?.status?.not_any_ ?? [];
      const statuses =
        workers?.status?.any_ ??
        (unwanted.length > 0
          ? (["ONLINE", "OFFLINE"] as const).filter((status) => !unwanted.includes(status))
          : undefined);
      const { before_, after_ } = workers?.last_heartbeat_time ?? {};
      const command = {
        limit,
        offset,
        ...(workers?.id?.any_ && { ids: workers.id.any_.map((id) => id.toLowerCase()) }),
        ...(workers?.name?.any_ && { names: workers.name.any_ }),
        ...(statuses && { statuses: [...statuses] }),
        ...(before_ && { before: before_ }),
        ...(after_ && { after: after_ }),
      };
      return c.json(await call(c, address, "filter_workers", command, { name }));
    },
  )
  .post(
    "/:name/workers/session",
    describe("Register an agent and keep its session alive", 200, SessionAnswer),
    body(SessionBeat),
    async (c) => {
      const { address, name } = poolOf(c);
      return c.json(await call(c, address, "beat", c.req.valid("json"), { name }));
    },
  )
  .delete("/:name/workers/:worker", describe("Forget a worker", 204), async (c) => {
    const { address, name } = poolOf(c);
    await call(c, address, "delete_worker", { name: c.req.param("worker") }, { name, is_act: true });
    return c.body(null, 204);
  })
  .delete("/:name/workers/:worker/session/:session_id", describe("An agent says goodbye", 204), async (c) => {
    const { address, name } = poolOf(c);
    const command = { name: c.req.param("worker"), session_id: uuidParam(c, "session_id") };
    await call(c, address, "end_session", command, { name });
    return c.body(null, 204);
  })
  .post(
    "/:name/claim",
    describe("Claim runs: at most one per attempt id", 200, ClaimAnswer),
    body(Claim),
    async (c) => {
      const { address, name } = poolOf(c);
      return c.json(await call(c, address, "claim", c.req.valid("json"), { name }));
    },
  )
  .get("/:name/workers/connect", describe("The channel of Prefect's workers: a socket", 101), (c) => {
    const { address, name } = poolOf(c);
    return acceptWorkerChannel(c, address, name);
  })
  .get("/:name/workers/:worker/socket", describe("An agent's socket for wakes", 101), async (c) => {
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket")
      fail("bad_request", "This route is a WebSocket.");
    if ((await judgeAuthorization(c.env, c.req.header("authorization"))) !== "accepted") fail("unauthorized");
    const { address, name } = poolOf(c);
    return stubOf(c.env, address).fetch("https://pool/socket", {
      headers: {
        Upgrade: "websocket",
        [POOL_NAME_HEADER]: encodeURIComponent(name),
        [WORKER_NAME_HEADER]: encodeURIComponent(c.req.param("worker")),
      },
    });
  });
