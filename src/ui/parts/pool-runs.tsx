/** The runs of a pool, or of one of its queues: those under way, and those that wait, in the order of their line. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { useQuery } from "../data/query.ts";
import { LoadingPart } from "./loading.tsx";
import { RunTable } from "./run-table.tsx";
import { Why } from "./why.tsx";

const SHOWN_MAX = 20;

interface Props {
  pool: string;
  /** None: of all queues. */
  queue_id?: string;
  /** How many may be under way; null is no limit. */
  limit: number | null;
}

export function PoolRuns({ pool, queue_id, limit }: Props) {
  const runs = (types: string[], sort: string) => ({
    method: "POST" as const,
    path: "/flow_runs/filter",
    body: {
      flow_runs: { state: { type: { any_: types } } },
      work_pools: { name: { any_: [pool] } },
      ...(queue_id !== undefined && { work_pool_queues: { id: { any_: [queue_id] } } }),
      sort,
      limit: SHOWN_MAX,
    },
  });
  const active = useQuery<FlowRun[]>(runs(["PENDING", "RUNNING", "CANCELLING"], "EXPECTED_START_TIME_DESC"));
  const scheduled = useQuery<FlowRun[]>(runs(["SCHEDULED"], "EXPECTED_START_TIME_ASC"));
  const line = useQuery<FlowRun[]>({
    method: "GET",
    path: `/work_pools/${encodeURIComponent(pool)}/line?limit=${SHOWN_MAX}${queue_id === undefined ? "" : `&work_queue_id=${queue_id}`}`,
  });
  return (
    <>
      <h2>Under way{limit !== null && `, at most ${limit}`}</h2>
      {active.value === undefined ? (
        <LoadingPart query={active} />
      ) : (
        <RunTable runs={active.value} areMixed />
      )}
      <h2>Waiting</h2>
      {line.value === undefined ? (
        <LoadingPart query={line} />
      ) : scheduled.value === undefined ? (
        <LoadingPart query={scheduled} />
      ) : (
        <Waiting line={line.value} scheduled={scheduled.value} />
      )}
    </>
  );
}

/** Who is due stands in line; behind those is who is scheduled for later, or waits for a slot of its deployment. */
function Waiting({ line, scheduled }: { line: readonly FlowRun[]; scheduled: readonly FlowRun[] }) {
  const [first] = line;
  const inLine = new Set(line.map(({ id }) => id));
  const others = scheduled.filter(({ id }) => !inLine.has(id));
  return (
    <>
      {first !== undefined && <Why id={first.id} of={first.name} />}
      <RunTable runs={[...line, ...others].slice(0, SHOWN_MAX)} areMixed />
    </>
  );
}
