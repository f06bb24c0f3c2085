/** `/work_queues`: queues by their id, and those of the pool that Prefect makes for queues without one (source: wire §3.4). */
import { z } from "zod";
import { PAGE_MAX } from "../../contract/bounds.ts";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import { InstantIn, Page } from "../../contract/wire/common.ts";
import { WorkQueueFilter } from "../../contract/wire/catalog-filters.ts";
import { FlowRun } from "../../contract/wire/flow-runs.ts";
import { WorkQueue, WorkQueueCreate, WorkQueueUpdate } from "../../contract/wire/work-pools.ts";
import { call, factory, isRefusal, orIfAbsent, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { slicePage } from "../numbered-pages.ts";
import { listPools, poolOfId, poolOfName, queuesMeantBy } from "../pools.ts";
import { body, uuidParam } from "../validation.ts";
import { pageQueues } from "./work-pools.ts";

/** The pool of queues that were made without one. */
const DEFAULT_AGENT_POOL = "default-agent-pool";
const NOT_FOUND = "Work queue not found.";
/** A queue is healthy while it is polled and nothing in it is late (source: wire §3.4). */
const HEALTH_POLICY = { maximum_late_runs: 0, maximum_seconds_since_last_polled: 60 };

const describe = describeResource("Work queues");

const QueuesFilter = z.object({ work_queues: WorkQueueFilter.nullish(), ...Page });
const RunsOfQueue = z.object({ scheduled_before: InstantIn.nullish(), limit: Page.limit });
const QueueStatus = z.object({
  healthy: z.boolean(),
  late_runs_count: z.int(),
  last_polled: z.string().nullable(),
  health_check_policy: z.object({
    maximum_late_runs: z.int(),
    maximum_seconds_since_last_polled: z.int(),
  }),
});
const ConcurrencyStatus = z.object({
  page: z.int().min(1).nullish(),
  limit: z.int().min(1).max(PAGE_MAX).nullish(),
});

/** The pool of the queue that the path names, and the queue's id. */
function queueOf(c: ApiContext) {
  const id = uuidParam(c, "id");
  return { id, address: poolOfId(c, id, "queue", NOT_FOUND) };
}

/** Makes the pool of queues without one where it does not exist yet. */
async function ensureAgentPool(c: ApiContext) {
  const pool = poolOfName(c, DEFAULT_AGENT_POOL);
  const { address, name } = pool;
  try {
    const made = await call(c, address, "create", { name, type: "prefect-agent" }, { name });
    await call(c, addressOfWorkspace(c.get("workspace")), "register", {
      kind: "pool",
      entry: { id: made.id, name, key: address.key },
    }).catch(() => null);
  } catch (error) {
    if (!isRefusal(error, "conflict")) throw error;
  }
  return pool;
}

export const workQueues = factory
  .createApp()
  .post(
    "/",
    describe("Create a work queue in the default agent pool", 201, WorkQueue),
    body(WorkQueueCreate),
    async (c) => {
      const { address, name } = await ensureAgentPool(c);
      const create = c.req.valid("json");
      return c.json(await call(c, address, "create_queue", create, { name, is_act: true }), 201);
    },
  )
  .post(
    "/filter",
    describe("List work queues of all pools", 200, z.array(WorkQueue)),
    body(QueuesFilter),
    async (c) => {
      const { work_queues, limit, offset } = c.req.valid("json");
      const command = {
        limit: offset + limit,
        offset: 0,
        ...queuesMeantBy(work_queues),
      };
      const pools = await listPools(c);
      const found = await Promise.all(
        pools.map(({ name }) => {
          const { address } = poolOfName(c, name);
          return orIfAbsent(call(c, address, "filter_queues", command, { name }), []);
        }),
      );
      const queues = found.flat().toSorted((left, right) => (left.name < right.name ? -1 : 1));
      return c.json(queues.slice(offset, offset + limit));
    },
  )
  .get("/name/:name", describe("Read a work queue of the default agent pool", 200, WorkQueue), async (c) => {
    const { address, name } = poolOfName(c, DEFAULT_AGENT_POOL);
    return c.json(await call(c, address, "read_queue", { name: c.req.param("name") }, { name }));
  })
  .get("/:id", describe("Read a work queue", 200, WorkQueue), async (c) => {
    const { id, address } = queueOf(c);
    return c.json(await call(c, address, "read_queue", { id }));
  })
  .patch("/:id", describe("Change a work queue", 204), body(WorkQueueUpdate), async (c) => {
    const { id, address } = queueOf(c);
    await call(c, address, "update_queue", { id, update: c.req.valid("json") }, { is_act: true });
    return c.body(null, 204);
  })
  .delete("/:id", describe("Delete a work queue", 204), async (c) => {
    const { id, address } = queueOf(c);
    await call(c, address, "delete_queue", { id }, { is_act: true });
    return c.body(null, 204);
  })
  .get(
    "/:id/status",
    describe("Is a work queue polled, and is anything late?", 200, QueueStatus),
    async (c) => {
      const { id, address } = queueOf(c);
      const [queue, late_runs_count] = await Promise.all([
        call(c, address, "read_queue", { id }),
        call(c, address, "count_runs", {
          filter: { work_queue_ids: [id], flow_runs: { state: { name: { any_: ["Late"] } } } },
        }),
      ]);
      const { last_polled } = queue;
      const isPolled =
        last_polled !== null &&
        Date.now() - Date.parse(last_polled) <= HEALTH_POLICY.maximum_seconds_since_last_polled * 1000;
      return c.json({
        healthy: isPolled && late_runs_count <= HEALTH_POLICY.maximum_late_runs,
        late_runs_count,
        last_polled,
        health_check_policy: HEALTH_POLICY,
      });
    },
  )
  .post(
    "/:id/get_runs",
    describe("What workers of this queue may run", 200, z.array(FlowRun)),
    body(RunsOfQueue),
    async (c) => {
      const { id, address } = queueOf(c);
      const { scheduled_before, limit } = c.req.valid("json");
      const queue = await call(c, address, "read_queue", { id });
      const runs = await call(c, address, "get_scheduled", {
        work_queue_names: [queue.name],
        scheduled_before: scheduled_before ?? null,
        scheduled_after: null,
        limit,
        csrf_client: null,
      });
      return c.json(runs);
    },
  )
  .post(
    "/:id/concurrency_status",
    describe("Who holds the slots of this queue", 200),
    body(ConcurrencyStatus),
    async (c) => {
      const { id, address } = queueOf(c);
      const sent = c.req.valid("json");
      const status = await call(c, address, "concurrency_status", { queue_id: id, limit: PAGE_MAX });
      const [queue] = pageQueues(status, {}).queues;
      const { items, limit, pages, page } = slicePage(queue?.flow_runs ?? [], sent);
      return c.json({
        active_slots: queue?.active_slots ?? 0,
        concurrency_limit: queue?.concurrency_limit ?? null,
        flow_runs: items,
        count: queue?.flow_run_count ?? 0,
        limit,
        pages,
        page,
      });
    },
  );
