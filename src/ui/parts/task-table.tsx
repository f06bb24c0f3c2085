/** The task runs of a flow run, in the order in which they were to start. */
import { useState } from "preact/hooks";
import type { TaskRun } from "../../contract/wire/task-runs.ts";
import { useLatest } from "../data/query.ts";
import { Pager } from "./pager.tsx";
import { Took } from "./run-table.tsx";
import { StateBadge } from "./state-badge.tsx";
import { Table } from "./table.tsx";
import { When } from "./time.tsx";

const PAGE = 25;

export function TaskTable({ flowRunId }: { flowRunId: string }) {
  const [page, setPage] = useState(0);
  const { value: found } = useLatest<TaskRun[]>({
    method: "POST",
    path: "/task_runs/filter",
    body: {
      flow_runs: { id: { any_: [flowRunId] } },
      sort: "EXPECTED_START_TIME_ASC",
      limit: PAGE + 1,
      offset: page * PAGE,
    },
  });
  if (found === undefined || (found.length === 0 && page === 0)) return null;
  return (
    <>
      <h2>Task runs</h2>
      <Table heads={["task", "state", "began", "took", "tries", "says"]}>
        {found.slice(0, PAGE).map((task) => {
          const child = task.state?.state_details.child_flow_run_id;
          return (
            <tr key={task.id}>
              <td>
                <a href={`/runs/task-run/${task.id}`}>{task.name}</a>
                {typeof child === "string" && (
                  <>
                    {" "}
                    is <a href={`/runs/flow-run/${child}`}>a run of its own</a>
                  </>
                )}
              </td>
              <td>
                <StateBadge type={task.state_type} name={task.state_name} />
              </td>
              <td>
                <When at={task.start_time} />
              </td>
              <td>
                <Took run={task} />
              </td>
              <td>{task.run_count}</td>
              <td class="wraps">{shorten(task.state?.message)}</td>
            </tr>
          );
        })}
      </Table>
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

function shorten(message: string | null | undefined): string {
  const [line = ""] = (message ?? "").split("\n");
  return line.length > MESSAGE_CHARACTERS_MAX ? `${line.slice(0, MESSAGE_CHARACTERS_MAX)}…` : line;
}
