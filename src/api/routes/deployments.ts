/** `/deployments`, except the runs that they make (source: wire §3.5, §3.5b, §4.5, §4.11). */
import { z } from "zod";
import { PAGE_MAX } from "../../contract/bounds.ts";
import { addressOfName, addressOfWorkspace } from "../../contract/envelope.ts";
import {
  DeploymentsCountBody,
  DeploymentsFilterBody,
  DeploymentsPaginateBody,
  type FilterWithRuns,
} from "../../contract/wire/catalog-bodies.ts";
import {
  DeploymentFilter,
  type CatalogFilter,
  type WorkQueueFilter,
} from "../../contract/wire/catalog-filters.ts";
import { Id, InstantIn } from "../../contract/wire/common.ts";
import { Deployment, DeploymentCreate, DeploymentUpdate } from "../../contract/wire/deployments.ts";
import {
  DeploymentSchedule,
  DeploymentScheduleCreate,
  DeploymentScheduleUpdate,
} from "../../contract/wire/schedules.ts";
import { WorkQueue } from "../../contract/wire/work-pools.ts";
import { resolveRuns } from "../catalog-runs.ts";
import { checkValues, completeDeployments, readDeployment, resolvePlace } from "../complete-deployments.ts";
import { call, factory, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { hydrateParameters } from "../placeholders.ts";
import { answerPage, numberedPage, windowOf } from "../numbered-pages.ts";
import { body, uuidParam } from "../validation.ts";

const describe = describeResource("Deployments");
/** Deployments that one bulk request deletes. */
const BULK_MAX = 50;
const workspace = (c: ApiContext) => addressOfWorkspace(c.get("workspace"));

/** Deployments are filtered by `work_pool_queues`, flows by `work_queues`: the same thing. */
function toFilter(
  c: ApiContext,
  sent: FilterWithRuns & { work_pool_queues?: WorkQueueFilter | null | undefined },
): Promise<CatalogFilter> {
  const { flows, deployments, work_pools, work_pool_queues: work_queues, flow_runs, task_runs } = sent;
  return resolveRuns(c, "deployments", { flows, deployments, work_pools, work_queues, flow_runs, task_runs });
}

/** What is read next shall show the limit as it was just asked for. */
const awaitLimit = (c: ApiContext, deployment_id: string) =>
  call(c, workspace(c), "await_limit", { deployment_id });

/** What is sent, with the schema that stays where none is sent. */
function withSchemaOf(update: DeploymentUpdate, current: Deployment) {
  const { parameter_openapi_schema: schema, enforce_parameter_schema: isEnforced } = update;
  return {
    ...update,
    parameter_openapi_schema: schema === undefined ? current.parameter_openapi_schema : schema,
    enforce_parameter_schema: isEnforced ?? current.enforce_parameter_schema,
  };
}

const ScheduleBody = z.object({
  start_time: InstantIn.nullish(),
  end_time: InstantIn.nullish(),
  min_time: z.number().min(0).max(1e9).nullish(),
  min_runs: z.int().min(0).nullish(),
  max_runs: z.int().min(0).nullish(),
});

export const deployments = factory
  .createApp()
  .post(
    "/",
    describe("Create a deployment, or replace the one of that flow and name", 201, Deployment),
    body(DeploymentCreate),
    async (c) => {
      const create = c.req.valid("json");
      const place = await resolvePlace(c, create);
      await checkValues(c, create, place?.work_pool_name ?? null, "creating");
      const { was_created, ...found } = await call(c, workspace(c), "put_deployment", {
        create,
        ...(place !== undefined && { place }),
      });
      if (create.concurrency_limit !== undefined) await awaitLimit(c, found.deployment.id);
      const [deployment] = await completeDeployments(c, [found]);
      return c.json(deployment, was_created ? 201 : 200);
    },
  )
  .post(
    "/filter",
    describe("List deployments", 200, z.array(Deployment)),
    body(DeploymentsFilterBody),
    async (c) => {
      const { sort, limit, offset, ...sent } = c.req.valid("json");
      const page = { sort: sort ?? ("NAME_ASC" as const), limit, offset };
      const filter = await toFilter(c, sent);
      const found = await call(c, workspace(c), "filter_deployments", { filter, ...page });
      return c.json(await completeDeployments(c, found));
    },
  )
  .post(
    "/paginate",
    describe("List deployments by numbered pages", 200, numberedPage(Deployment)),
    body(DeploymentsPaginateBody),
    async (c) => {
      const sent = c.req.valid("json");
      const filter = await toFilter(c, sent);
      const page = { sort: sent.sort ?? ("NAME_ASC" as const), ...windowOf(sent) };
      const [found, count] = await Promise.all([
        call(c, workspace(c), "filter_deployments", { filter, ...page }),
        call(c, workspace(c), "count_deployments", { filter }),
      ]);
      return c.json(answerPage(sent, await completeDeployments(c, found), count));
    },
  )
  .post("/count", describe("Count deployments", 200, z.int()), body(DeploymentsCountBody), async (c) =>
    c.json(
      await call(c, workspace(c), "count_deployments", { filter: await toFilter(c, c.req.valid("json")) }),
    ),
  )
  .post(
    "/bulk_delete",
    describe("Delete deployments", 200, z.object({ deleted: z.array(Id) })),
    body(
      z.strictObject({
        deployments: DeploymentFilter.nullish(),
        limit: z.int().min(1).max(BULK_MAX).nullish(),
      }),
    ),
    async (c) => {
      const { deployments: filter, limit } = c.req.valid("json");
      const ids = await call(c, workspace(c), "find_deployment_ids", {
        filter: { deployments: filter },
        limit: limit ?? BULK_MAX,
      });
      for (const id of ids) await call(c, workspace(c), "delete_deployment", { id });
      return c.json({ deleted: ids });
    },
  )
  .get(
    "/name/:flow_name/:deployment_name",
    describe("Read a deployment by its flow's and its own name", 200, Deployment),
    async (c) => {
      const by = { flow_name: c.req.param("flow_name"), name: c.req.param("deployment_name") };
      const [deployment] = await completeDeployments(c, [await readDeployment(c, by)]);
      return c.json(deployment);
    },
  )
  .get("/:id", describe("Read a deployment", 200, Deployment), async (c) => {
    const [deployment] = await completeDeployments(c, [await readDeployment(c, { id: uuidParam(c, "id") })]);
    return c.json(deployment);
  })
  .patch("/:id", describe("Change what is sent of a deployment", 204), body(DeploymentUpdate), async (c) => {
    const id = uuidParam(c, "id");
    const sent = c.req.valid("json");
    const { deployment } = await readDeployment(c, { id });
    const update = sent.parameters
      ? { ...sent, parameters: await hydrateParameters(c, "deployment", sent.parameters) }
      : sent;
    const place = await resolvePlace(c, update, deployment);
    const pool = place === undefined ? deployment.work_pool_name : place.work_pool_name;
    await checkValues(c, withSchemaOf(update, deployment), pool, "updating");
    await call(c, workspace(c), "update_deployment", { id, update, ...(place !== undefined && { place }) });
    if (update.concurrency_limit !== undefined) await awaitLimit(c, id);
    return c.body(null, 204);
  })
  .delete("/:id", describe("Delete a deployment", 204), async (c) => {
    await call(c, workspace(c), "delete_deployment", { id: uuidParam(c, "id") });
    return c.body(null, 204);
  })
  .post("/:id/pause_deployment", describe("Pause a deployment", 200, z.null()), async (c) => {
    await call(c, workspace(c), "update_deployment", { id: uuidParam(c, "id"), update: { paused: true } });
    return c.json(null);
  })
  .post("/:id/resume_deployment", describe("Resume a deployment", 200, z.null()), async (c) => {
    await call(c, workspace(c), "update_deployment", { id: uuidParam(c, "id"), update: { paused: false } });
    return c.json(null);
  })
  .post(
    "/:id/schedule",
    describe("Make runs of a deployment's schedules for a stretch of time, also of the past", 200, z.null()),
    body(ScheduleBody),
    async (c) => {
      const { start_time, end_time, min_time, min_runs, max_runs } = c.req.valid("json");
      await call(c, workspace(c), "backfill_deployment", {
        deployment_id: uuidParam(c, "id"),
        start_time: start_time ?? null,
        end_time: end_time ?? null,
        min_seconds: min_time ?? null,
        min_runs: min_runs ?? null,
        max_runs: max_runs ?? null,
      });
      return c.json(null);
    },
  )
  .get(
    "/:id/work_queue_check",
    describe("The queues that take this deployment's runs", 200, z.array(WorkQueue)),
    async (c) => {
      const { deployment } = await readDeployment(c, { id: uuidParam(c, "id") });
      const { work_pool_name: name, work_queue_id } = deployment;
      if (name === null || work_queue_id === null) return c.json([]);
      const address = addressOfName(c.get("workspace"), "pool", name);
      const wanted = { ids: [work_queue_id], limit: PAGE_MAX, offset: 0 };
      return c.json(await call(c, address, "filter_queues", wanted, { name }));
    },
  )
  .get(
    "/:id/schedules",
    describe("List the schedules of a deployment", 200, z.array(DeploymentSchedule)),
    async (c) => c.json((await readDeployment(c, { id: uuidParam(c, "id") })).deployment.schedules),
  )
  .post(
    "/:id/schedules",
    describe("Add schedules to a deployment", 201, z.array(DeploymentSchedule)),
    body(z.array(DeploymentScheduleCreate).max(100)),
    async (c) => {
      const command = { deployment_id: uuidParam(c, "id"), schedules: c.req.valid("json") };
      return c.json(await call(c, workspace(c), "create_schedules", command), 201);
    },
  )
  .patch(
    "/:id/schedules/:schedule_id",
    describe("Change what is sent of a schedule", 204),
    body(DeploymentScheduleUpdate),
    async (c) => {
      await call(c, workspace(c), "update_schedule", {
        deployment_id: uuidParam(c, "id"),
        schedule_id: uuidParam(c, "schedule_id"),
        update: c.req.valid("json"),
      });
      return c.body(null, 204);
    },
  )
  .delete("/:id/schedules/:schedule_id", describe("Delete a schedule", 204), async (c) => {
    await call(c, workspace(c), "delete_schedule", {
      deployment_id: uuidParam(c, "id"),
      schedule_id: uuidParam(c, "schedule_id"),
    });
    return c.body(null, 204);
  });
