/** `/flow_runs/{id}/graph-v2` and `/graph`: a run's task runs and subflows, and what they were given of each other. */
import { z } from "zod";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import { journalOfRun } from "../../contract/journals.ts";
import type { Artifact } from "../../contract/wire/artifacts.ts";
import { Id, InstantIn, InstantOut, Json } from "../../contract/wire/common.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { State, StateType } from "../../contract/wire/states.ts";
import type { TaskRun } from "../../contract/wire/task-runs.ts";
import { buildGraph, type GraphInput } from "../../domain/flow-run/graph.ts";
import { call, factory, fail, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { poolOfId } from "../pools.ts";
import { findRuns } from "../run-queries.ts";
import { query, uuidParam } from "../validation.ts";

const describe = describeResource("Flow runs");
/** Nodes of one graph (source: Prefect's setting `api.max_flow_run_graph_nodes`). */
const NODES_MAX = 10_000;
const SUBFLOWS_PER_LOOK = 200;
const FLOWS_PER_LOOK = 200;
const ARTIFACTS_MAX = 1000;
const ARTIFACTS_PER_LOOK = 100;

const Edge = z.object({ id: Id });
const GraphArtifact = z.object({
  id: Id,
  created: InstantOut,
  key: z.string().nullable(),
  type: z.string().nullable(),
  is_latest: z.boolean(),
  data: Json.nullable(),
});
type GraphArtifact = z.infer<typeof GraphArtifact>;
const Node = z.object({
  kind: z.enum(["flow-run", "task-run"]),
  id: Id,
  label: z.string(),
  state_type: StateType,
  start_time: InstantOut,
  end_time: InstantOut.nullable(),
  parents: z.array(Edge),
  children: z.array(Edge),
  encapsulating: z.array(Edge),
  artifacts: z.array(GraphArtifact),
});
const Graph = z.object({
  start_time: InstantOut.nullable(),
  end_time: InstantOut.nullable(),
  root_node_ids: z.array(Id),
  /** Pairs of an id and its node. Not a tuple: in the OpenAPI file its references would lead nowhere. */
  nodes: z.array(z.array(z.union([Id, Node])).length(2)),
  artifacts: z.array(GraphArtifact),
  states: z.array(z.object({ id: Id, timestamp: InstantOut, type: StateType, name: z.string() })),
});
const Dependency = z.object({
  id: Id,
  name: z.string(),
  upstream_dependencies: z.array(z.object({ input_type: z.literal("task_run"), id: Id })),
  state: State.nullable(),
  expected_start_time: InstantOut.nullable(),
  start_time: InstantOut.nullable(),
  end_time: InstantOut.nullable(),
  total_run_time: z.number(),
  estimated_run_time: z.number(),
  untrackable_result: z.boolean(),
});
const GraphQuery = z.object({ since: InstantIn.optional() });

export const flowRunGraph = factory
  .createApp()
  .get(
    "/:id/graph-v2",
    describe("Read the graph of a flow run", 200, Graph),
    query(GraphQuery),
    async (c) => {
      const id = uuidParam(c, "id");
      const pool = poolOfId(c, id, "flow_run", "Flow run not found");
      const [run, states, task_runs, artifacts] = await Promise.all([
        call(c, pool, "read_run", { id }),
        call(c, pool, "read_states", { flow_run_id: id }),
        listTaskRuns(c, id),
        listArtifacts(c, id),
      ]);
      const subflows = await findSubflows(c, task_runs);
      const since = c.req.valid("query").since ?? "";
      return c.json({
        start_time: run.start_time ?? run.expected_start_time,
        end_time: run.end_time,
        ...buildGraph({ task_runs, subflows, artifacts: artifacts.byTaskRun, since }),
        artifacts: artifacts.ofRun,
        states: states.map(({ id, timestamp, type, name }) => ({ id, timestamp, type, name })),
      });
    },
  )
  .get(
    "/:id/graph",
    describe("List the task runs of a flow run with what they depend on", 200, z.array(Dependency)),
    async (c) => {
      const id = uuidParam(c, "id");
      await call(c, poolOfId(c, id, "flow_run", "Flow run not found"), "read_run", { id });
      const found = (await listTaskRuns(c, id)).map((run) => ({
        id: run.id,
        name: run.name,
        upstream_dependencies: Object.values(run.task_inputs)
          .flat()
          .flatMap(({ id }) => (typeof id === "string" ? [{ input_type: "task_run" as const, id }] : [])),
        state: run.state,
        expected_start_time: run.expected_start_time,
        start_time: run.start_time,
        end_time: run.end_time,
        total_run_time: run.total_run_time,
        estimated_run_time: run.estimated_run_time,
        untrackable_result: run.state?.state_details.untrackable_result ?? false,
      }));
      return c.json(found);
    },
  );

async function listTaskRuns(c: ApiContext, flow_run_id: string): Promise<TaskRun[]> {
  const journal = journalOfRun(c.get("workspace"), flow_run_id);
  if (journal === undefined) return fail("not_found", "Flow run not found");
  const question = { filter: null, flow_run_ids: [flow_run_id] };
  const sort = "EXPECTED_START_TIME_ASC" as const;
  const found = await call(c, journal, "filter_task_runs", { ...question, sort, limit: NODES_MAX + 1 });
  if (found.length > NODES_MAX)
    return fail("invalid", `The graph of flow run ${flow_run_id} has more than ${NODES_MAX} nodes.`);
  return found;
}

/** The subflows of those task runs that stand for one, with the names of their flows. */
async function findSubflows(
  c: ApiContext,
  task_runs: readonly TaskRun[],
): Promise<GraphInput<GraphArtifact>["subflows"]> {
  const standIns = new Map<string, string>();
  for (const { id, state } of task_runs) {
    const child = state?.state_details.child_flow_run_id;
    if (typeof child === "string") standIns.set(child, id);
  }
  const ids = [...standIns.keys()];
  const runs: FlowRun[] = [];
  for (let index = 0; index < ids.length; index += SUBFLOWS_PER_LOOK) {
    const flow_runs = { id: { any_: ids.slice(index, index + SUBFLOWS_PER_LOOK) } };
    runs.push(...(await findRuns(c, { flow_runs, sort: "ID_DESC", limit: SUBFLOWS_PER_LOOK, offset: 0 })));
  }
  const flowIds = [...new Set(runs.map(({ flow_id }) => flow_id))].slice(0, FLOWS_PER_LOOK);
  const flows =
    flowIds.length === 0
      ? []
      : await call(c, addressOfWorkspace(c.get("workspace")), "filter_flows", {
          filter: { flows: { id: { any_: flowIds } } },
          sort: "NAME_ASC",
          limit: FLOWS_PER_LOOK,
          offset: 0,
        });
  const names = new Map(flows.map(({ id, name }) => [id, name]));
  return new Map(
    runs.map((run) => [
      standIns.get(run.id) ?? "",
      { run, flow_name: names.get(run.flow_id) ?? run.flow_id },
    ]),
  );
}

/** What the run and its task runs have left to look at; long data is for those who read the artifact itself. */
async function listArtifacts(
  c: ApiContext,
  flow_run_id: string,
): Promise<{ ofRun: GraphArtifact[]; byTaskRun: Map<string, GraphArtifact[]> }> {
  const ofRun: GraphArtifact[] = [];
  const byTaskRun = new Map<string, GraphArtifact[]>();
  const journal = journalOfRun(c.get("workspace"), flow_run_id);
  if (journal === undefined) return { ofRun, byTaskRun };
  const filter = { flow_run_id: { any_: [flow_run_id] } };
  const notes = await call(c, journal, "list_artifacts", {
    filter,
    sort: "CREATED_DESC",
    limit: ARTIFACTS_MAX,
  });
  const found: Artifact[] = [];
  for (let index = 0; index < notes.length; index += ARTIFACTS_PER_LOOK) {
    const ids = notes.slice(index, index + ARTIFACTS_PER_LOOK).map(({ id }) => id);
    const page = await call(c, journal, "read_artifacts", { ids });
    found.push(...page.filter((artifact) => artifact !== null && artifact !== undefined));
  }
  const seen = new Set<string>();
  for (const { id, created, key, type, data, task_run_id } of found) {
    const is_latest = key === null || !seen.has(key);
    if (key !== null) seen.add(key);
    // Prefect's graph has the data of progress artifacts only.
    const artifact = { id, created, key, type, is_latest, data: type === "progress" ? data : null };
    if (task_run_id === null) ofRun.push(artifact);
    else byTaskRun.set(task_run_id, [...(byTaskRun.get(task_run_id) ?? []), artifact]);
  }
  return { ofRun, byTaskRun };
}
