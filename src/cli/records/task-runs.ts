/** Task runs as people see them. */
import type { Client } from "../../client/index.ts";
import type { TaskRun } from "../../contract/wire/task-runs.ts";
import { rephrase } from "../api.ts";
import { shortenId } from "../output/ids.ts";
import type { Column, Detail } from "../output/table.ts";
import { formatDuration, formatRelative } from "../output/time.ts";
import { colorState } from "./runs.ts";

/** Reads a task run by its id; a missing one is explained. */
export function readTaskRun(api: Client, id: string): Promise<TaskRun> {
  return rephrase(
    api.taskRuns.read(id),
    404,
    () => `No task run ${id}; \`sluice task-run ls\` shows those of the last days.`,
  );
}

const describeTime = ({ estimated_run_time }: TaskRun): string | null =>
  estimated_run_time > 0 ? formatDuration(estimated_run_time) : null;

/** Columns of a list of task runs. */
export function taskRunColumns(now: number): Column<TaskRun>[] {
  return [
    { title: "Id", value: ({ id }) => id, short: ({ id }) => shortenId(id) },
    { title: "Name", value: ({ name }) => name },
    { title: "State", value: ({ state_name }) => state_name, color: colorState },
    {
      title: "When",
      value: ({ start_time, expected_start_time }) => formatRelative(start_time ?? expected_start_time, now),
    },
    { title: "Took", value: describeTime, align: "right", rank: 1 },
    {
      title: "Flow run",
      value: ({ flow_run_id }) => flow_run_id,
      short: ({ flow_run_id }) => (flow_run_id === null ? "-" : shortenId(flow_run_id)),
      rank: 2,
    },
  ];
}

/** Everything about one task run. */
export function describeTaskRun(run: TaskRun, now: number): Detail[] {
  return [
    ["Name", run.name],
    ["State", run.state_name],
    ["Message", run.state?.message],
    ["Flow run", run.flow_run_id],
    ["Task", run.task_key],
    ["Tags", run.tags.join(", ")],
    ["Expected", formatRelative(run.expected_start_time, now)],
    ["Started", formatRelative(run.start_time, now)],
    ["Ended", formatRelative(run.end_time, now)],
    ["Took", describeTime(run)],
    ["Attempts", run.run_count],
    ["Id", run.id],
  ];
}
