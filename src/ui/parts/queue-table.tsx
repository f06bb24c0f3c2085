/** The queues of a pool, those that are served first at the top; each can be paused. */
import type { WorkQueue } from "../../contract/wire/work-pools.ts";
import { Pause } from "./pause.tsx";
import { PoolStatus } from "./status.tsx";
import { Table } from "./table.tsx";

export function QueueTable({
  path,
  pool,
  queues,
}: {
  path: string;
  pool: string;
  queues: readonly WorkQueue[];
}) {
  return (
    <Table
      rows={queues.toSorted((left, right) => left.priority - right.priority)}
      keyOf={({ id }) => id}
      areAll
      columns={[
        { header: "priority", value: ({ priority }) => priority },
        {
          header: "queue",
          value: ({ name }) => name,
          cell: ({ name }) => (
            <a href={`/work-pools/work-pool/${encodeURIComponent(pool)}/queue/${encodeURIComponent(name)}`}>
              {name}
            </a>
          ),
        },
        {
          header: "status",
          value: ({ status }) => status,
          cell: ({ status }) => <PoolStatus status={status} />,
        },
        {
          header: "running",
          value: ({ active_slots }) => active_slots,
          cell: ({ active_slots, concurrency_limit: limit }) =>
            `${active_slots ?? "–"}${limit === null ? "" : ` of ${limit}`}`,
        },
        {
          header: null,
          cell: ({ id, name, is_paused }) => (
            <Pause
              name={name}
              path={`${path}/queues/${encodeURIComponent(name)}`}
              isPaused={is_paused}
              pool={pool}
              queue_id={id}
            />
          ),
        },
      ]}
    />
  );
}
