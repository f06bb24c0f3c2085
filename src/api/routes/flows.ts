/** `/flows` (source: wire §3.5, §4.11). */
import { z } from "zod";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import {
  FlowsCountBody,
  FlowsFilterBody,
  FlowsPaginateBody,
  type FilterWithRuns,
} from "../../contract/wire/catalog-bodies.ts";
import { FlowFilter, type CatalogFilter } from "../../contract/wire/catalog-filters.ts";
import { Id } from "../../contract/wire/common.ts";
import { Flow, FlowCreate, FlowUpdate } from "../../contract/wire/deployments.ts";
import { resolveRuns } from "../catalog-runs.ts";
import { call, factory, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { answerPage, numberedPage, windowOf } from "../numbered-pages.ts";
import { body, uuidParam } from "../validation.ts";

const describe = describeResource("Flows");
/** Flows that one bulk request deletes. */
const BULK_MAX = 50;
const workspace = (c: ApiContext) => addressOfWorkspace(c.get("workspace"));

function toFilter(c: ApiContext, sent: FilterWithRuns): Promise<CatalogFilter> {
  const { flows, deployments, work_pools, work_queues, flow_runs, task_runs } = sent;
  return resolveRuns(c, "flows", { flows, deployments, work_pools, work_queues, flow_runs, task_runs });
}

export const flows = factory
  .createApp()
  .post("/", describe("Find a flow by its name or create it", 201, Flow), body(FlowCreate), async (c) => {
    const { flow, was_created } = await call(c, workspace(c), "create_flow", c.req.valid("json"));
    return c.json(flow, was_created ? 201 : 200);
  })
  .post("/filter", describe("List flows", 200, z.array(Flow)), body(FlowsFilterBody), async (c) => {
    const { sort, limit, offset, ...sent } = c.req.valid("json");
    const page = { sort: sort ?? ("NAME_ASC" as const), limit, offset };
    const filter = await toFilter(c, sent);
    return c.json(await call(c, workspace(c), "filter_flows", { filter, ...page }));
  })
  .post(
    "/paginate",
    describe("List flows by numbered pages", 200, numberedPage(Flow)),
    body(FlowsPaginateBody),
    async (c) => {
      const sent = c.req.valid("json");
      const filter = await toFilter(c, sent);
      const page = { sort: sent.sort ?? ("NAME_ASC" as const), ...windowOf(sent) };
      const [results, count] = await Promise.all([
        call(c, workspace(c), "filter_flows", { filter, ...page }),
        call(c, workspace(c), "count_flows", { filter }),
      ]);
      return c.json(answerPage(sent, results, count));
    },
  )
  .post("/count", describe("Count flows", 200, z.int()), body(FlowsCountBody), async (c) =>
    c.json(await call(c, workspace(c), "count_flows", { filter: await toFilter(c, c.req.valid("json")) })),
  )
  .post(
    "/bulk_delete",
    describe("Delete flows with their deployments", 200, z.object({ deleted: z.array(Id) })),
    body(z.strictObject({ flows: FlowFilter.nullish(), limit: z.int().min(1).max(BULK_MAX).nullish() })),
    async (c) => {
      const { flows: filter, limit } = c.req.valid("json");
      const ids = await call(c, workspace(c), "find_flow_ids", {
        filter: { flows: filter },
        limit: limit ?? BULK_MAX,
      });
      for (const id of ids) await call(c, workspace(c), "delete_flow", { id });
      return c.json({ deleted: ids });
    },
  )
  .get("/name/:name", describe("Read a flow by its name", 200, Flow), async (c) =>
    c.json(await call(c, workspace(c), "read_flow", { name: c.req.param("name") })),
  )
  .get("/:id", describe("Read a flow", 200, Flow), async (c) =>
    c.json(await call(c, workspace(c), "read_flow", { id: uuidParam(c, "id") })),
  )
  .patch("/:id", describe("Change the tags of a flow", 204), body(FlowUpdate), async (c) => {
    const id = uuidParam(c, "id");
    const { tags } = c.req.valid("json");
    if (tags === undefined) await call(c, workspace(c), "read_flow", { id });
    else await call(c, workspace(c), "update_flow", { id, tags: tags ?? [] });
    return c.body(null, 204);
  })
  .delete("/:id", describe("Delete a flow with its deployments", 204), async (c) => {
    await call(c, workspace(c), "delete_flow", { id: uuidParam(c, "id") });
    return c.body(null, 204);
  });
