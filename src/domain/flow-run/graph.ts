/** The graph of a flow run: its task runs and subflows, and what each was given of others (source: Prefect's `flow_run_graph_v2`). */
import type { Instant } from "../../contract/instants.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { StateType } from "../../contract/wire/states.ts";
import type { TaskRun } from "../../contract/wire/task-runs.ts";

export interface Edge {
  id: string;
}

export interface GraphNode<Artifact> {
  kind: "flow-run" | "task-run";
  id: string;
  label: string;
  state_type: StateType;
  start_time: Instant;
  end_time: Instant | null;
  parents: Edge[];
  children: Edge[];
  /** The tasks inside of which it ran. */
  encapsulating: Edge[];
  artifacts: Artifact[];
}

/** The input by which a task names the tasks that it ran inside of. */
const ENCAPSULATING_INPUT = "__parents__";

export interface GraphInput<Artifact> {
  task_runs: readonly TaskRun[];
  /** The subflow of a stand-in, by the stand-in's id, with the name of its flow. */
  subflows: ReadonlyMap<string, { run: FlowRun; flow_name: string }>;
  /** Artifacts by the task run that made them. */
  artifacts: ReadonlyMap<string, Artifact[]>;
  /** Only what has not ended before this. */
  since: Instant;
}

/** Makes the nodes in the order in which they started; what was never expected to start is left out. */
export function buildGraph<Artifact>(input: GraphInput<Artifact>): {
  root_node_ids: string[];
  nodes: [id: string, node: GraphNode<Artifact>][];
} {
  const nodes = new Map<string, GraphNode<Artifact>>();
  const nodeOfTaskRun = new Map<string, GraphNode<Artifact>>();
  for (const task_run of input.task_runs) {
    const node = toNode(task_run, input);
    if (node === undefined) continue;
    nodes.set(node.id, node);
    nodeOfTaskRun.set(task_run.id, node);
  }
  for (const task_run of input.task_runs) {
    const node = nodeOfTaskRun.get(task_run.id);
    if (node === undefined) continue;
    for (const [name, values] of Object.entries(task_run.task_inputs))
      for (const { id } of values) {
        const parent = typeof id === "string" ? (nodeOfTaskRun.get(id) ?? nodes.get(id)) : undefined;
        if (parent === undefined) continue;
        if (name === ENCAPSULATING_INPUT) link(node.encapsulating, parent.id);
        else {
          link(node.parents, parent.id);
          link(parent.children, node.id);
        }
      }
  }
  const shown = [...nodes.values()]
    .filter(({ end_time }) => end_time === null || end_time >= input.since)
    .sort(
      (left, right) =>
        compare(left.start_time, right.start_time) || compareEnds(left.end_time, right.end_time),
    );
  return {
    root_node_ids: shown.filter(({ parents }) => parents.length === 0).map(({ id }) => id),
    nodes: shown.map((node) => [node.id, node]),
  };
}

function toNode<Artifact>(
  task_run: TaskRun,
  { subflows, artifacts }: GraphInput<Artifact>,
): GraphNode<Artifact> | undefined {
  const subflow = subflows.get(task_run.id);
  const start_time =
    subflow?.run.start_time ??
    subflow?.run.expected_start_time ??
    task_run.start_time ??
    task_run.expected_start_time;
  const state_type = subflow?.run.state_type ?? task_run.state_type;
  if (start_time === null || state_type === null) return undefined;
  const end = task_run.state_type === "COMPLETED" ? task_run.expected_start_time : null;
  return {
    kind: subflow === undefined ? "task-run" : "flow-run",
    id: subflow?.run.id ?? task_run.id,
    label: subflow === undefined ? task_run.name : `${subflow.flow_name} / ${subflow.run.name}`,
    state_type,
    start_time,
    end_time: subflow?.run.end_time ?? task_run.end_time ?? end,
    parents: [],
    children: [],
    encapsulating: [],
    artifacts: artifacts.get(task_run.id) ?? [],
  };
}

function link(edges: Edge[], id: string): void {
  if (!edges.some((edge) => edge.id === id)) edges.push({ id });
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** What goes on comes last. */
function compareEnds(left: Instant | null, right: Instant | null): number {
  return compare(left ?? "~", right ?? "~");
}
