/** The workers of a pool, and what each has. */
import { pathOfWorker } from "../data/page-paths.ts";
import type { Worker } from "../../contract/wire/work-pools.ts";
import { formatLoad, Status } from "./status.tsx";
import { Table } from "./table.tsx";
import { When } from "./time.tsx";

export function WorkerTable({
  pool,
  workers,
  areAll,
}: {
  pool: string;
  workers: readonly Worker[];
  areAll: boolean;
}) {
  return (
    <Table
      rows={workers}
      keyOf={({ id }) => id}
      areAll={areAll && "by pages"}
      columns={[
        {
          header: "worker",
          value: ({ name }) => name,
          cell: ({ id, name }) => <a href={pathOfWorker(pool, id)}>{name}</a>,
        },
        {
          header: "status",
          value: ({ status }) => status,
          cell: ({ status }) => <Status isGood={status === "ONLINE"}>{status.toLowerCase()}</Status>,
        },
        { header: "runs", value: ({ running }) => running, cell: formatLoad },
        { header: "GPUs", value: ({ gpus = [] }) => gpus.map(({ name }) => name).join(", ") || "–" },
        {
          header: "labels",
          value: ({ labels = {} }) =>
            Object.entries(labels)
              .map(([key, value]) => `${key}=${value}`)
              .join(", ") || "–",
        },
        {
          header: "seen",
          value: ({ last_heartbeat_time: at }) => at,
          cell: ({ last_heartbeat_time: at }) => <When at={at} />,
        },
      ]}
    />
  );
}
