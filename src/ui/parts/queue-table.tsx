/** The queues of a pool, those that are served first at the top; each can be paused. */
import type { WorkQueue } from "../../contract/wire/work-pools.ts";
import { PAGE_MAX } from "../../contract/bounds.ts";
import { useQuery } from "../data/query.ts";
import { QueueLink } from "./links.tsx";
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
  // Of a queue without a limit its record does not say how many run.
  const { value: slots } = useQuery<{ queues: { queue_id: string; active_slots: number }[] }>({
    method: "POST",
    path: `${path}/concurrency_status`,
    body: { limit: PAGE_MAX, flow_run_limit: 0 },
  });
  const running = new Map(slots?.queues.map(({ queue_id, active_slots }) => [queue_id, active_slots]));
  return (
    <Table
      rows={queues.toSorted((left, right) => left.priority - right.priority)}
      keyOf={({ id }) => id}
      areAll
      columns={[
        {
          header: "queue",
          value: ({ name }) => name,
          cell: ({ name }) => <QueueLink pool={pool} name={name} />,
        },
        { header: "priority", value: ({ priority }) => priority },
        {
          header: "status",
          value: ({ status }) => status,
          cell: ({ status }) => <PoolStatus status={status} />,
        },
        {
          header: "running",
          value: ({ id }) => running.get(id),
          cell: ({ id, concurrency_limit: limit }) =>
            `${running.get(id) ?? "–"}${limit === null ? "" : ` of ${limit}`}`,
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
