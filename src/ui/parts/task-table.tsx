/** The task runs of a flow run, in the order in which they were to start. */
import { useState } from "preact/hooks";
import type { TaskRun } from "../../contract/wire/task-runs.ts";
import { useLatest } from "../data/query.ts";
import { toReadable } from "../data/readable-text.ts";
import { Unanswered } from "./loading.tsx";
import { Pager } from "./pager.tsx";
import { Took } from "./run-table.tsx";
import { StateBadge } from "./state-badge.tsx";
import { Table, type Column } from "./table.tsx";
import { When } from "./time.tsx";

const PAGE = 25;

export function TaskTable({ flowRunId }: { flowRunId: string }) {
  const [page, setPage] = useState(0);
  const tasks = useLatest<TaskRun[]>({
    method: "POST",
    path: "/task_runs/filter",
    body: {
      flow_runs: { id: { any_: [flowRunId] } },
      sort: "EXPECTED_START_TIME_ASC",
      limit: PAGE + 1,
      offset: page * PAGE,
    },
  });
  if (tasks.value === undefined) return <Unanswered title="Task runs" query={tasks} />;
  const found = tasks.value;
  if (found.length === 0 && page === 0) return null;
  return (
    <>
      <h2>Task runs</h2>
      <Table rows={found.slice(0, PAGE)} columns={COLUMNS} keyOf={({ id }) => id} />
      <Pager
        of="task runs"
        words={["Earlier", "Later"]}
        onNewer={page > 0 ? () => setPage(page - 1) : undefined}
        onOlder={found.length > PAGE ? () => setPage(page + 1) : undefined}
      />
    </>
  );
}

const MESSAGE_CHARACTERS_MAX = 160;

const COLUMNS: readonly Column<TaskRun>[] = [
  {
    header: "task",
    cell: ({ id, name, state }) => {
      const child = state?.state_details.child_flow_run_id;
      return (
        <>
          <a href={`/runs/task-run/${id}`}>{name}</a>
          {typeof child === "string" && (
            <>
              {" "}
              is <a href={`/runs/flow-run/${child}`}>a run of its own</a>
            </>
          )}
        </>
      );
    },
  },
  {
    header: "state",
    cell: ({ state_type, state_name }) => <StateBadge type={state_type} name={state_name} />,
  },
  { header: "began", cell: ({ start_time }) => <When at={start_time} /> },
  { header: "took", cell: (task) => <Took run={task} /> },
  { header: "tries", value: ({ run_count }) => run_count },
  { header: "says", class: "wraps", value: ({ state }) => shorten(state?.message) },
];

function shorten(message: string | null | undefined): string {
  const [line = ""] = toReadable(message ?? "").split("\n");
  return line.length > MESSAGE_CHARACTERS_MAX ? `${line.slice(0, MESSAGE_CHARACTERS_MAX)}…` : line;
}
