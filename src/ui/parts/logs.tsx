/** Log lines as they come, the latest last and in sight; by level, and found among all there are. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { LEVEL_WIDTH, nameLevel } from "../../contract/log-levels.ts";
import type { Log } from "../../contract/wire/logs.ts";
import { useLatest } from "../data/query.ts";
import { LoadingPart } from "./loading.tsx";
import { Pager } from "./pager.tsx";
import { SearchField } from "./search-field.tsx";
import { formatExact } from "./time.tsx";

const PAGE = 200;
/** As long as the end is this near, new lines are scrolled to. */
const NEAR_PIXELS = 40;
const LEVELS = [
  { name: "all", from: 0 },
  { name: "info", from: 20 },
  { name: "warning", from: 30 },
  { name: "error", from: 40 },
];

export interface LogsProps {
  flowRunId: string | null;
  taskRunId?: string;
  /** Saves all of them, where that can be done. */
  onDownload?: () => void;
}

export function Logs({ flowRunId, taskRunId, onDownload }: LogsProps) {
  const [from, setFrom] = useState(0);
  const [search, setSearch] = useState("");
  const [page, setPage] = useState(0);
  const logs = useLatest<Log[]>({
    method: "POST",
    path: "/logs/filter",
    body: {
      logs: {
        ...(flowRunId !== null && { flow_run_id: { any_: [flowRunId] } }),
        ...(taskRunId !== undefined && { task_run_id: { any_: [taskRunId] } }),
        ...(from > 0 && { level: { ge_: from } }),
        // In quotes it is one phrase; else words would be alternatives.
        ...(search.trim() !== "" && { text: { query: `"${search.replaceAll(/["\\]/g, String.raw`\$&`)}"` } }),
      },
      sort: "TIMESTAMP_DESC",
      limit: PAGE,
      offset: page * PAGE,
    },
  });
  const lines = logs.value ?? [];
  return (
    <>
      <div class="title">
        <h2>Logs</h2>
        <label>
          Level{" "}
          <select
            value={from}
            onChange={({ currentTarget }) => {
              setFrom(Number(currentTarget.value));
              setPage(0);
            }}
          >
            {LEVELS.map(({ name, from: level }) => (
              <option key={name} value={level}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <SearchField
          value={search}
          onSearch={(text) => {
            setSearch(text);
            setPage(0);
          }}
        />
        {onDownload !== undefined && (
          <button type="button" onClick={onDownload}>
            All of them as CSV
          </button>
        )}
      </div>
      {logs.value === undefined ? (
        <LoadingPart query={logs} />
      ) : lines.length === 0 ? (
        <p class="none">No lines.</p>
      ) : (
        <Lines lines={lines.toReversed()} />
      )}
      <Pager
        of="log lines"
        words={["Later lines", "Earlier lines"]}
        onNewer={page > 0 ? () => setPage(page - 1) : undefined}
        onOlder={lines.length === PAGE ? () => setPage(page + 1) : undefined}
      />
    </>
  );
}

function Lines({ lines }: { lines: readonly Log[] }) {
  const list = useRef<HTMLOListElement>(null);
  const isFollowing = useRef(true);
  useLayoutEffect(() => {
    if (isFollowing.current) list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [lines.at(-1)?.id]);
  return (
    <ol
      ref={list}
      class="logs"
      tabIndex={0}
      aria-label="Log lines, the latest last"
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        isFollowing.current = scrollHeight - scrollTop - clientHeight < NEAR_PIXELS;
      }}
    >
      {lines.map((log) => (
        <li key={log.id} class={log.level >= 40 ? "error" : log.level >= 30 ? "warning" : ""}>
          <time dateTime={log.timestamp} title={formatExact(log.timestamp)}>
            {new Date(log.timestamp).toLocaleTimeString()}
          </time>{" "}
          <span class="level">{nameLevel(log.level).padEnd(LEVEL_WIDTH)}</span> {log.message}
        </li>
      ))}
    </ol>
  );
}
