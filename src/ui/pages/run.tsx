/** One run: what it is, why it waits, its states, its parameters and its logs as they come. */
import { useRoute } from "preact-iso";
import { useState } from "preact/hooks";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { Log } from "../../contract/wire/logs.ts";
import type { State } from "../../contract/wire/states.ts";
import { act } from "../data/act.ts";
import { useQuery } from "../data/query.ts";
import { Ask } from "../parts/ask.tsx";
import { LastActs } from "../parts/acts.tsx";
import { Loading } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { Took, workerOf } from "../parts/run-table.tsx";
import { SearchField } from "../parts/search-field.tsx";
import { StateBadge } from "../parts/state-badge.tsx";
import { formatExact, When } from "../parts/time.tsx";
import { Why } from "../parts/why.tsx";

const LOGS_SHOWN = 200;
const LEVELS = [
  { name: "all", from: 0 },
  { name: "info", from: 20 },
  { name: "warning", from: 30 },
  { name: "error", from: 40 },
];
const ENDED = new Set(["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]);

export function Run() {
  const { params } = useRoute();
  const id = params["id"] ?? "";
  const run = useQuery<FlowRun>({ method: "GET", path: `/flow_runs/${id}` });
  usePageTitle(run.value?.name ?? "Run");
  if (run.value === undefined) return <Loading query={run} />;
  const { name, state_type, state_name, state, work_pool_name, deployment_id, parameters, tags } = run.value;
  const isOver = state_type !== null && ENDED.has(state_type);
  return (
    <>
      <div class="title">
        <h1>{name}</h1>
        <StateBadge type={state_type} name={state_name} />
        <div class="buttons">
          {state_type === "PAUSED" && (
            <button
              type="button"
              onClick={() =>
                void act({ method: "POST", path: `/flow_runs/${id}/resume`, body: {} }, `${name} goes on.`)
              }
            >
              Resume
            </button>
          )}
          {isOver ? <Retry run={run.value} /> : <Cancel run={run.value} />}
        </div>
      </div>
      {!isOver && <Why id={id} />}
      {isOver && typeof state?.message === "string" && <p class="why">{state.message}</p>}
      <dl class="facts">
        <dt>Began</dt>
        <dd>
          <When at={run.value.start_time} />
        </dd>
        <dt>Took</dt>
        <dd>
          <Took run={run.value} />
        </dd>
        {work_pool_name !== null && (
          <>
            <dt>Pool</dt>
            <dd>
              <a href={`/work-pools/work-pool/${encodeURIComponent(work_pool_name)}`}>{work_pool_name}</a>
            </dd>
          </>
        )}
        {workerOf(run.value) !== "" && (
          <>
            <dt>Worker</dt>
            <dd>{workerOf(run.value)}</dd>
          </>
        )}
        {deployment_id !== null && (
          <>
            <dt>Deployment</dt>
            <dd>
              <a href={`/deployments/deployment/${deployment_id}`}>{deployment_id.slice(-12)}</a>
            </dd>
          </>
        )}
        {tags.length > 0 && (
          <>
            <dt>Tags</dt>
            <dd>{tags.join(", ")}</dd>
          </>
        )}
        <dt>Id</dt>
        <dd>
          <code>{id}</code>
        </dd>
      </dl>
      {Object.keys(parameters).length > 0 && (
        <>
          <h2>Parameters</h2>
          <pre>{JSON.stringify(parameters, null, 2)}</pre>
        </>
      )}
      <States id={id} />
      <LastActs ids={[id]} />
      <Logs id={id} />
    </>
  );
}

function States({ id }: { id: string }) {
  const { value: states = [] } = useQuery<State[]>({
    method: "GET",
    path: `/flow_run_states/?flow_run_id=${id}`,
  });
  return (
    <>
      <h2>States</h2>
      <ol class="states">
        {states.map((state) => (
          <li key={state.id}>
            <StateBadge type={state.type} name={state.name} /> <When at={state.timestamp} />
            {typeof state.message === "string" && state.message !== "" && (
              <span class="count"> {state.message}</span>
            )}
          </li>
        ))}
      </ol>
    </>
  );
}

function Logs({ id }: { id: string }) {
  const [from, setFrom] = useState(0);
  const [search, setSearch] = useState("");
  const logs = useQuery<Log[]>({
    method: "POST",
    path: "/logs/filter",
    body: {
      logs: { flow_run_id: { any_: [id] }, ...(from > 0 && { level: { ge_: from } }) },
      sort: "TIMESTAMP_DESC",
      limit: LOGS_SHOWN,
    },
  });
  const shown = (logs.value ?? []).toReversed().filter(({ message }) => message.includes(search));
  return (
    <>
      <div class="title">
        <h2>Logs</h2>
        <label>
          Level{" "}
          <select value={from} onChange={({ currentTarget }) => setFrom(Number(currentTarget.value))}>
            {LEVELS.map(({ name, from: level }) => (
              <option key={name} value={level}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <SearchField value={search} onSearch={setSearch} />
        <a href={`/api/flow_runs/${id}/logs/download`} download>
          All of them as CSV
        </a>
      </div>
      {shown.length === 0 ? (
        <p class="none">{logs.value === undefined ? "Loading …" : "No lines."}</p>
      ) : (
        <ol class="logs" tabIndex={0} aria-label="Log lines, the latest last">
          {shown.map((log) => (
            <li key={log.id} class={log.level >= 40 ? "error" : log.level >= 30 ? "warning" : ""}>
              <time dateTime={log.timestamp} title={formatExact(log.timestamp)}>
                {new Date(log.timestamp).toLocaleTimeString()}
              </time>{" "}
              {log.message}
            </li>
          ))}
        </ol>
      )}
    </>
  );
}

function Cancel({ run: { id, name } }: { run: FlowRun }) {
  return (
    <Ask
      label="Cancel"
      title={`Cancel ${name}?`}
      confirm="Cancel the run"
      isDangerous
      onConfirm={() =>
        act(
          { method: "POST", path: `/flow_runs/${id}/set_state`, body: { state: { type: "CANCELLING" } } },
          `${name} is being cancelled.`,
        )
      }
    >
      <p>Its process gets SIGTERM and, after its grace, SIGKILL. What it holds goes to the next in line.</p>
    </Ask>
  );
}

function Retry({ run: { id, name } }: { run: FlowRun }) {
  return (
    <Ask
      label="Run it again"
      title={`Run ${name} again?`}
      confirm="Run it again"
      onConfirm={() =>
        act(
          {
            method: "POST",
            path: `/flow_runs/${id}/set_state`,
            body: { state: { type: "SCHEDULED", name: "AwaitingRetry" }, force: true },
          },
          `${name} stands in its queue again.`,
        )
      }
    >
      <p>The same run goes back to its queue, with the same parameters, as another attempt.</p>
    </Ask>
  );
}
