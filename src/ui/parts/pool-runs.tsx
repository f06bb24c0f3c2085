/** The runs of a pool, or of one of its queues: those under way, and those that wait, in the order of their line. */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import { useQuery } from "../data/query.ts";
import { pathOfRuns } from "../data/run-list.ts";
import { LoadingPart } from "./loading.tsx";
import { RunTable } from "./run-table.tsx";
import { Why } from "./why.tsx";

const SHOWN_MAX = 20;
/** One more tells whether there are more. */
const ASKED_MAX = SHOWN_MAX + 1;
const UNDER_WAY = ["PENDING", "RUNNING", "CANCELLING"];
const WAITING = ["SCHEDULED"];

interface Of {
  pool: string;
  /** None: of all queues. */
  queue?: { id: string; name: string };
}

interface Props extends Of {
  /** How many may be under way; null is no limit. */
  limit: number | null;
}

export function PoolRuns({ limit, ...of }: Props) {
  const { pool, queue } = of;
  const runs = (types: string[], sort: string) => ({
    method: "POST" as const,
    path: "/flow_runs/filter",
    body: { ...filterBy(of, types), sort, limit: ASKED_MAX },
  });
  const active = useQuery<FlowRun[]>(runs(UNDER_WAY, "EXPECTED_START_TIME_DESC"));
  const scheduled = useQuery<FlowRun[]>(runs(WAITING, "EXPECTED_START_TIME_ASC"));
  const line = useQuery<FlowRun[]>({
    method: "GET",
    path: `/work_pools/${encodeURIComponent(pool)}/line?limit=${ASKED_MAX}${queue === undefined ? "" : `&work_queue_id=${queue.id}`}`,
  });
  return (
    <>
      <h2>Under way{limit !== null && `, at most ${limit}`}</h2>
      {active.value === undefined ? (
        <LoadingPart query={active} />
      ) : (
        <FirstRuns runs={active.value} types={UNDER_WAY} of={of} />
      )}
      <h2>Waiting</h2>
      {line.value === undefined ? (
        <LoadingPart query={line} />
      ) : scheduled.value === undefined ? (
        <LoadingPart query={scheduled} />
      ) : (
        <Waiting line={line.value} scheduled={scheduled.value} of={of} />
      )}
    </>
  );
}

function filterBy({ pool, queue }: Of, types: string[]) {
  return {
    flow_runs: { state: { type: { any_: types } } },
    work_pools: { name: { any_: [pool] } },
    ...(queue !== undefined && { work_pool_queues: { id: { any_: [queue.id] } } }),
  };
}

/** Who is due stands in line; behind those is who is scheduled for later, or waits for a slot of its deployment. */
function Waiting({
  line,
  scheduled,
  of,
}: {
  line: readonly FlowRun[];
  scheduled: readonly FlowRun[];
  of: Of;
}) {
  const [first] = line;
  const inLine = new Set(line.map(({ id }) => id));
  const others = scheduled.filter(({ id }) => !inLine.has(id));
  return (
    <>
      {first !== undefined && <Why id={first.id} of={first.name} />}
      <FirstRuns runs={[...line, ...others]} types={WAITING} of={of} />
    </>
  );
}

/** Where there are more than are shown they are counted, and the page is named that lists all. */
function FirstRuns({ runs, types, of }: { runs: readonly FlowRun[]; types: string[]; of: Of }) {
  const isCut = runs.length > SHOWN_MAX;
  const count = useQuery<number>(
    isCut ? { method: "POST", path: "/flow_runs/count", body: filterBy(of, types) } : null,
  );
  const { pool, queue } = of;
  const state = types.join(",");
  return (
    <>
      <RunTable runs={runs.slice(0, SHOWN_MAX)} areMixed />
      {isCut && (
        <p>
          These are {SHOWN_MAX} of {count.value ?? "more"}.{" "}
          <a
            href={pathOfRuns({ pool, ...(queue !== undefined && { queue: queue.name }), state, when: "any" })}
          >
            All of them
          </a>
        </p>
      )}
    </>
  );
}
