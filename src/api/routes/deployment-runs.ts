/** Runs of deployments: `create_flow_run` and the poll of a process that serves deployments (source: wire §4.2, §4.10). */
import { z } from "zod";
import { addressOfName, addressOfWorkspace } from "../../contract/envelope.ts";
import { INTERNAL_POOL_NAMES, poolNameOfRun } from "../../contract/internal-pools.ts";
import { Id, InstantIn, Page } from "../../contract/wire/common.ts";
import { DeploymentFlowRunCreate, FlowRun } from "../../contract/wire/flow-runs.ts";
import { BULK_CREATE_MAX, BulkCreateAnswer } from "../../contract/wire/run-summaries.ts";
import { defaultFirstState } from "../../domain/flow-run/start-run.ts";
import { findParameterFault } from "../../domain/pool/schemas.ts";
import type { CatalogDeployment } from "../../objects/workspace/operations.ts";
import { ApiError, call, factory, fail, isRefusal, orIfAbsent, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { isPerson } from "../person.ts";
import { hydrateParameters } from "../placeholders.ts";
import { body, uuidParam } from "../validation.ts";

const Served = z.object({
  deployment_ids: z.array(Id).max(1000),
  scheduled_before: InstantIn.nullish(),
  limit: Page.limit,
});

/** The deployment that the path names. */
function readDeployment(c: ApiContext): Promise<CatalogDeployment> {
  const id = uuidParam(c, "id");
  return call(c, addressOfWorkspace(c.get("workspace")), "read_deployment", { id }).catch(
    (error: unknown) => {
      if (isRefusal(error, "not_found")) return fail("not_found", "Deployment not found");
      throw error;
    },
  );
}

/** Makes a run of a deployment; what is not sent is the deployment's. */
async function createRun(
  c: ApiContext,
  { deployment, note }: CatalogDeployment,
  run: DeploymentFlowRunCreate,
) {
  const workspace = c.get("workspace");
  const sent = { ...deployment.parameters, ...run.parameters };
  const parameters = await hydrateParameters(c, "flow run", sent);
  const isEnforced = run.enforce_parameter_schema ?? deployment.enforce_parameter_schema;
  const fault = isEnforced ? findParameterFault(deployment.parameter_openapi_schema, parameters) : undefined;
  if (fault !== undefined) fail("conflict", `Error creating flow run: ${fault}`);
  const name = poolNameOfRun(deployment.work_pool_name, deployment.flow_id);
  const isInternal = INTERNAL_POOL_NAMES.includes(name);
  return call(
    c,
    addressOfName(workspace, "pool", name),
    "create_run",
    {
      deployment: note,
      deployment_job_variables: deployment.job_variables,
      deployment_name: deployment.name,
      draft: {
        flow_id: deployment.flow_id,
        name: run.name ?? null,
        deployment_id: deployment.id,
        deployment_version: deployment.version,
        flow_version: null,
        work_queue_name: run.work_queue_name ?? deployment.work_queue_name,
        work_queue_id: run.work_queue_name ? null : deployment.work_queue_id,
        parameters,
        context: run.context ?? {},
        tags: [...new Set([...deployment.tags, ...(run.tags ?? [])])],
        labels: {
          ...deployment.labels,
          ...run.labels,
          "prefect.flow.id": deployment.flow_id,
          "prefect.deployment.id": deployment.id,
        },
        idempotency_key: run.idempotency_key ?? null,
        parent_task_run_id: run.parent_task_run_id ?? null,
        infrastructure_document_id: run.infrastructure_document_id ?? deployment.infrastructure_document_id,
        empirical_policy: run.empirical_policy ?? {},
        job_variables: run.job_variables ?? null,
        created_by: null,
        auto_scheduled: false,
        state: run.state ?? defaultFirstState(true),
      },
    },
    { ...(!isInternal && { name }), is_act: isPerson(c) },
  );
}

const describe = describeResource("Deployments");

export const deploymentRuns = factory
  .createApp()
  .post(
    "/get_scheduled_flow_runs",
    describe("What the process that serves these deployments may run", 200, z.array(FlowRun)),
    body(Served),
    async (c) => {
      const { deployment_ids, scheduled_before, limit } = c.req.valid("json");
      const workspace = c.get("workspace");
      const known = await Promise.all(
        deployment_ids.map((id) =>
          orIfAbsent(call(c, addressOfWorkspace(workspace), "read_deployment", { id }), undefined),
        ),
      );
      const byPool = new Map<string, string[]>();
      for (const found of known) {
        if (found === undefined) continue;
        const { id, work_pool_name, flow_id } = found.deployment;
        const name = poolNameOfRun(work_pool_name, flow_id);
        byPool.set(name, [...(byPool.get(name) ?? []), id]);
      }
      const runs = await Promise.all(
        [...byPool].map(([name, ids]) =>
          orIfAbsent(
            call(
              c,
              addressOfName(workspace, "pool", name),
              "get_scheduled",
              {
                work_queue_names: null,
                scheduled_before: scheduled_before ?? null,
                scheduled_after: null,
                limit,
                csrf_client: null,
                deployment_ids: ids,
              },
              { name },
            ),
            [],
          ),
        ),
      );
      const ordered = runs
        .flat()
        .toSorted((left, right) =>
          (left.next_scheduled_start_time ?? "") < (right.next_scheduled_start_time ?? "") ? -1 : 1,
        );
      return c.json(ordered.slice(0, limit));
    },
  )
  .post(
    "/:id/create_flow_run",
    describe(
      "Create a flow run of a deployment; 200 when one with this idempotency key exists",
      201,
      FlowRun,
    ),
    body(DeploymentFlowRunCreate),
    async (c) => {
      const deployment = await readDeployment(c);
      const { flow_run, was_created } = await createRun(c, deployment, c.req.valid("json"));
      return c.json(flow_run, was_created ? 201 : 200);
    },
  )
  .post(
    "/:id/create_flow_run/bulk",
    describe("Create flow runs of a deployment; each for itself may be refused", 200, BulkCreateAnswer),
    body(z.array(DeploymentFlowRunCreate)),
    async (c) => {
      const runs = c.req.valid("json");
      if (runs.length > BULK_CREATE_MAX)
        fail("bad_request", `Cannot create more than ${BULK_CREATE_MAX} flow runs at once.`);
      const deployment = await readDeployment(c);
      const results = await Promise.all(
        runs.map((run) =>
          createRun(c, deployment, run).then(
            ({ flow_run }) => ({ flow_run_id: flow_run.id, status: "CREATED" as const, error: null }),
            (error: unknown) => {
              if (!(error instanceof ApiError)) throw error;
              return { flow_run_id: null, status: "FAILED" as const, error: error.message };
            },
          ),
        ),
      );
      return c.json({ results });
    },
  );
