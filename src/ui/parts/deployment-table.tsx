/** Deployments in a table. */
import type { Deployment } from "../../contract/wire/deployments.ts";
import { useLastRuns, useNextRuns } from "../data/edge-runs.ts";
import { useFlowNames } from "../data/flow-names.ts";
import { describeSchedule } from "../data/schedules.ts";
import { PoolLink, RunLink } from "./links.tsx";
import { StateBadge } from "./state-badge.tsx";
import { Status } from "./status.tsx";
import { Table } from "./table.tsx";
import { Due } from "./time.tsx";

export function DeploymentTable({ deployments }: { deployments: readonly Deployment[] }) {
  const ids = deployments.map(({ id }) => id);
  const flows = useFlowNames(deployments.map(({ flow_id }) => flow_id));
  const next = useNextRuns(ids);
  const last = useLastRuns(ids);
  return (
    <Table heads={["deployment", "status", "pool", "schedules", "limit", "next run", "last run"]}>
      {deployments.map((deployment) => {
        const { id, name, flow_id, work_pool_name, work_queue_name, schedules } = deployment;
        const nextRun = next.get(id);
        const lastRun = last.get(id);
        return (
          <tr key={id}>
            <td>
              <a href={`/flows/flow/${flow_id}`} class="above">
                {flows.get(flow_id) ?? "…"}
              </a>{" "}
              / <a href={`/deployments/deployment/${id}`}>{name}</a>
            </td>
            <td>
              <DeploymentStatus deployment={deployment} />
            </td>
            <td>
              {work_pool_name !== null && <PoolLink name={work_pool_name} />}
              {work_queue_name !== null && work_queue_name !== "default" && ` / ${work_queue_name}`}
            </td>
            <td>
              {schedules.slice(0, 2).map((schedule) => (
                <span key={schedule.id} class={schedule.active ? "schedule" : "schedule off"}>
                  {describeSchedule(schedule.schedule)}
                  {!schedule.active && ", off"}
                </span>
              ))}
              {schedules.length > 2 && <span class="count">and {schedules.length - 2} more</span>}
            </td>
            <td>{formatSlots(deployment)}</td>
            <td>
              {nextRun !== undefined && (
                <RunLink run={nextRun}>
                  <Due at={nextRun.next_scheduled_start_time} />
                </RunLink>
              )}
            </td>
            <td>
              {lastRun !== undefined && (
                <RunLink run={lastRun}>
                  <StateBadge type={lastRun.state_type} name={lastRun.state_name} />
                </RunLink>
              )}
            </td>
          </tr>
        );
      })}
    </Table>
  );
}

/** Whether its runs would be run. */
export function DeploymentStatus({ deployment: { paused, status } }: { deployment: Deployment }) {
  if (paused) return <Status isGood={false}>paused</Status>;
  return <Status isGood={status === "READY"}>{status === "READY" ? "ready" : "nobody serves it"}</Status>;
}

/** Of how many runs at a time how many there are; nothing where there is no limit. */
export function formatSlots({ global_concurrency_limit: limit }: Deployment): string {
  return limit === null ? "" : `${limit.active_slots} of ${limit.limit}`;
}
