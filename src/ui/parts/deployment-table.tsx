/** Deployments in a table. */
import type { Deployment } from "../../contract/wire/deployments.ts";
import { useLastRuns, useNextRuns } from "../data/edge-runs.ts";
import { useFlowNames } from "../data/flow-names.ts";
import { describeSchedule } from "../data/schedules.ts";
import { PoolLink, QueueLink, RunLink } from "./links.tsx";
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
    <Table
      rows={deployments}
      keyOf={({ id }) => id}
      columns={[
        {
          header: "deployment",
          cell: ({ id, name, flow_id }) => (
            <>
              <a href={`/flows/flow/${flow_id}`} class="above">
                {flows.get(flow_id) ?? flow_id.slice(-12)}
              </a>{" "}
              / <a href={`/deployments/deployment/${id}`}>{name}</a>
            </>
          ),
        },
        { header: "status", cell: (deployment) => <DeploymentStatus deployment={deployment} /> },
        {
          header: "pool",
          cell: ({ work_pool_name: pool, work_queue_name: queue }) => (
            <>
              {pool !== null && <PoolLink name={pool} />}
              {pool !== null && queue !== null && queue !== "default" && (
                <>
                  {" / "}
                  <QueueLink pool={pool} name={queue} />
                </>
              )}
            </>
          ),
        },
        { header: "schedules", cell: ({ schedules }) => <Schedules schedules={schedules} /> },
        { header: "limit", value: formatSlots },
        {
          header: "next run",
          cell: ({ id }) => {
            const run = next.get(id);
            return (
              run && (
                <RunLink run={run}>
                  <Due at={run.next_scheduled_start_time} />
                </RunLink>
              )
            );
          },
        },
        {
          header: "last run",
          cell: ({ id }) => {
            const run = last.get(id);
            return (
              run && (
                <RunLink run={run}>
                  <StateBadge type={run.state_type} name={run.state_name} />
                </RunLink>
              )
            );
          },
        },
      ]}
    />
  );
}

function Schedules({ schedules }: Pick<Deployment, "schedules">) {
  return (
    <>
      {schedules.slice(0, 2).map(({ id, active, schedule }) => (
        <span key={id} class={active ? "schedule" : "schedule off"}>
          {describeSchedule(schedule)}
          {!active && ", off"}
        </span>
      ))}
      {schedules.length > 2 && <span class="count">and {schedules.length - 2} more</span>}
    </>
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
