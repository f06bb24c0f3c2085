/** `/flow_runs` and `/flow_run_states`: runs, their states and their attempts (source: wire §3.9, §4.1, §4.10, §4.11). */
import { INTEGRITY_CONFLICT } from "../../contract/errors.ts";
import { z } from "zod";
import { addressOfKey, addressOfName, addressOfWorkspace, type AddressOf } from "../../contract/envelope.ts";
import { RUN_LEASES_MAX } from "../../contract/bounds.ts";
import { keyOfId } from "../../contract/ids.ts";
import { poolNameOfRun } from "../../contract/internal-pools.ts";
import { AttemptEnd, AttemptStart } from "../../contract/wire/agents.ts";
import { Id, JsonObject, Labels } from "../../contract/wire/common.ts";
import { RunExplanation } from "../../contract/wire/explanations.ts";
import { FlowRunsCountBody, FlowRunsFilterBody, FlowRunsPaginateBody } from "../../contract/wire/filters.ts";
import { FlowRun, FlowRunCreate, FlowRunMoved, FlowRunUpdate } from "../../contract/wire/flow-runs.ts";
import { RunLease } from "../../contract/wire/limits.ts";
import { RunInput, RunInputCreate, RunInputsFilter } from "../../contract/wire/run-inputs.ts";
import { OrchestrationResult, SetState, State } from "../../contract/wire/states.ts";
import { defaultFirstState } from "../../domain/flow-run/start-run.ts";
import { readRun } from "../acquire.ts";
import { explainRun } from "../explain-run.ts";
import { call, factory, fail, isRefusal, orIfAbsent, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { answerPage, numberedPage, windowOf } from "../numbered-pages.ts";
import { checkPage, poolOfId } from "../pools.ts";
import { countRuns, findRuns } from "../run-queries.ts";
import { body, query, uuidParam } from "../validation.ts";

const describe = describeResource("Flow runs");

const Resume = z.object({ run_input: JsonObject.nullish() });
const StatesQuery = z.object({ flow_run_id: Id });

/** The run that the path names, and the pool that keeps it. */
function runOf(c: ApiContext): { id: string; address: AddressOf<"pool"> } {
  const id = uuidParam(c, "id");
  return { id, address: poolOfId(c, id, "flow_run", `Flow run with id ${id} not found`) };
}

/** Which pool object keeps a new run: the named one, the parent's, the deployment's, or a shard of its flow. */
async function placeNewRun(c: ApiContext, run: FlowRunCreate) {
  const workspace = c.get("workspace");
  if (typeof run.deployment_id === "string") {
    const { deployment, note } = await call(c, addressOfWorkspace(workspace), "read_deployment", {
      id: run.deployment_id,
    }).catch((error: unknown) => {
      if (isRefusal(error, "not_found")) return fail("conflict", INTEGRITY_CONFLICT);
      throw error;
    });
    const name = poolNameOfRun(run.work_pool_name ?? deployment.work_pool_name, run.flow_id);
    return { address: addressOfName(workspace, "pool", name), note };
  }
  if (typeof run.work_pool_name === "string")
    return { address: addressOfName(workspace, "pool", run.work_pool_name), note: null };
  const parentKey =
    typeof run.parent_task_run_id === "string" ? keyOfId(run.parent_task_run_id, "task_run") : undefined;
  if (parentKey !== undefined) return { address: addressOfKey(workspace, "pool", parentKey), note: null };
  return { address: addressOfName(workspace, "pool", poolNameOfRun(null, run.flow_id)), note: null };
}

export const flowRuns = factory
  .createApp()
  .post(
    "/",
    describe("Create a flow run; 200 when one with this idempotency key exists", 201, FlowRun),
    body(FlowRunCreate),
    async (c) => {
      const run = c.req.valid("json");
      const [{ address, note }] = await Promise.all([
        placeNewRun(c, run),
        call(c, addressOfWorkspace(c.get("workspace")), "read_flow", { id: run.flow_id }).catch(
          (error: unknown) => {
            if (isRefusal(error, "not_found")) return fail("conflict", INTEGRITY_CONFLICT);
            throw error;
          },
        ),
      ]);
      const { flow_run, was_created } = await call(c, address, "create_run", {
        deployment: note,
        draft: {
          flow_id: run.flow_id,
          name: run.name ?? null,
          deployment_id: run.deployment_id ?? null,
          deployment_version: run.deployment_version ?? null,
          flow_version: run.flow_version ?? null,
          work_queue_name: run.work_queue_name ?? null,
          parameters: run.parameters ?? {},
          context: run.context ?? {},
          tags: run.tags ?? [],
          labels: { ...run.labels, "prefect.flow.id": run.flow_id },
          idempotency_key: run.idempotency_key ?? null,
          parent_task_run_id: run.parent_task_run_id ?? null,
          infrastructure_document_id: run.infrastructure_document_id ?? null,
          empirical_policy: run.empirical_policy ?? {},
          job_variables: run.job_variables ?? null,
          created_by: null,
          auto_scheduled: false,
          state: run.state ?? defaultFirstState(false),
        },
      });
      return c.json(flow_run, was_created ? 201 : 200);
    },
  )
  .post("/filter", describe("List flow runs", 200, z.array(FlowRun)), body(FlowRunsFilterBody), async (c) => {
    const filter = c.req.valid("json");
    checkPage(filter);
    return c.json(await findRuns(c, filter));
  })
  .post(
    "/paginate",
    describe("List flow runs by numbered pages", 200, numberedPage(FlowRun)),
    body(FlowRunsPaginateBody),
    async (c) => {
      const filter = c.req.valid("json");
      const window = windowOf(filter);
      checkPage(window);
      const [results, count] = await Promise.all([
        findRuns(c, { ...filter, ...window }),
        countRuns(c, filter),
      ]);
      return c.json(answerPage(filter, results, count));
    },
  )
  .post("/count", describe("Count flow runs", 200, z.int()), body(FlowRunsCountBody), async (c) =>
    c.json(await countRuns(c, c.req.valid("json"))),
  )
  .get("/:id", describe("Read a flow run", 200, FlowRun), async (c) => {
    const { id, address } = runOf(c);
    return c.json(await call(c, address, "read_run", { id }));
  })
  .patch("/:id", describe("Change a flow run", 204), body(FlowRunUpdate), async (c) => {
    const { id, address } = runOf(c);
    await call(c, address, "update_run", { id, update: c.req.valid("json") });
    return c.body(null, 204);
  })
  .delete("/:id", describe("Delete a flow run", 204), async (c) => {
    const { id, address } = runOf(c);
    await call(c, address, "delete_run", { id }, { is_act: readRun(c) === null });
    return c.body(null, 204);
  })
  .patch("/:id/labels", describe("Add labels to a flow run", 204), body(Labels), async (c) => {
    const { id, address } = runOf(c);
    await call(c, address, "update_labels", { id, labels: c.req.valid("json") });
    return c.body(null, 204);
  })
  .post(
    "/:id/set_state",
    describe("Propose a state", 201, OrchestrationResult),
    body(SetState),
    async (c) => {
      const { id, address } = runOf(c);
      const { state, force } = c.req.valid("json");
      const run = readRun(c);
      const command = { id, state, is_forced: force, run };
      // Whoever speaks for a run is a program; of the others the pool tells by what they propose.
      const { result, was_created } = await call(c, address, "set_state", command, { is_act: run === null });
      return c.json(result, was_created ? 201 : 200);
    },
  )
  .post(
    "/:id/resume",
    describe("Resume a paused flow run", 201, OrchestrationResult),
    body(Resume),
    async (c) => {
      const { id, address } = runOf(c);
      const run_input = c.req.valid("json").run_input ?? null;
      const { result, was_created } = await call(
        c,
        address,
        "resume_run",
        { id, run_input },
        { is_act: readRun(c) === null },
      );
      return c.json(result, was_created ? 201 : 200);
    },
  )
  .post(
    "/:id/to_front",
    describe(
      "Let a flow run that waits go before all others of its queue, or of the line of its deployment's limit",
      200,
      FlowRunMoved,
    ),
    async (c) => {
      const { id, address } = runOf(c);
      return c.json(await call(c, address, "move_to_front", { id }, { is_act: readRun(c) === null }));
    },
  )
  .post("/:id/input", describe("Send an input to a flow run", 201), body(RunInputCreate), async (c) => {
    const { id, address } = runOf(c);
    await call(c, address, "create_run_input", { id, input: c.req.valid("json") });
    return c.json(null, 201);
  })
  .post(
    "/:id/input/filter",
    describe("List inputs of a flow run by how their keys begin, the oldest first", 200, z.array(RunInput)),
    body(RunInputsFilter),
    async (c) => {
      const { id, address } = runOf(c);
      const { prefix, limit, exclude_keys } = c.req.valid("json");
      const page = { prefix, limit: limit ?? 1, exclude_keys: exclude_keys ?? [] };
      return c.json(await call(c, address, "filter_run_inputs", { id, ...page }));
    },
  )
  .get("/:id/input/:key", describe("Read the value of an input", 200), async (c) => {
    const { id, address } = runOf(c);
    return c.text(await call(c, address, "read_run_input", { id, key: c.req.param("key") }));
  })
  .delete("/:id/input/:key", describe("Delete an input", 204), async (c) => {
    const { id, address } = runOf(c);
    await call(c, address, "delete_run_input", { id, key: c.req.param("key") });
    return c.body(null, 204);
  })
  .get("/:id/why", describe("Why does this flow run not get on?", 200, RunExplanation), async (c) => {
    const { id, address } = runOf(c);
    return c.json(await explainRun(c, address, id));
  })
  .get(
    "/:id/leases",
    describe(
      `List the slots that a flow run has held and given back, as far as that was told: ${RUN_LEASES_MAX} at most, those that ended first`,
      200,
      z.array(RunLease),
    ),
    async (c) => {
      const { id, address } = runOf(c);
      return c.json(await call(c, address, "list_leases_of_run", { id }));
    },
  )
  .post(
    "/:id/attempts/:attempt_id/start",
    describe("The process of an attempt exists", 204),
    body(AttemptStart),
    async (c) => {
      const { id, address } = runOf(c);
      const attempt = { flow_run_id: id, attempt_id: uuidParam(c, "attempt_id") };
      await call(c, address, "start_attempt", { ...c.req.valid("json"), ...attempt });
      return c.body(null, 204);
    },
  )
  .post(
    "/:id/attempts/:attempt_id/end",
    describe("The process of an attempt is gone", 200, FlowRun),
    body(AttemptEnd),
    async (c) => {
      const { id, address } = runOf(c);
      const attempt = { flow_run_id: id, attempt_id: uuidParam(c, "attempt_id") };
      return c.json(await call(c, address, "end_attempt", { ...c.req.valid("json"), ...attempt }));
    },
  );

export const flowRunStates = factory
  .createApp()
  .get("/", describe("List the states of a flow run", 200, z.array(State)), query(StatesQuery), async (c) => {
    const { flow_run_id } = c.req.valid("query");
    const key = keyOfId(flow_run_id, "flow_run");
    // A run that is not there has no states (source: Prefect's `read_flow_run_states`).
    if (key === undefined) return c.json([]);
    const address = addressOfKey(c.get("workspace"), "pool", key);
    return c.json(await orIfAbsent(call(c, address, "read_states", { flow_run_id }), []));
  })
  .get("/:id", describe("Read a state", 200, State), async (c) => {
    const id = uuidParam(c, "id");
    return c.json(await call(c, poolOfId(c, id, "state", "Flow run state not found"), "read_state", { id }));
  });
