/** Log lines as they come, the latest last and in sight until one looks at others; by level, and found among all there are. */
import { useRef, useState } from "preact/hooks";
import type { Log } from "../../contract/wire/logs.ts";
import {
  askForLogs,
  countNewer,
  findEarlier,
  joinLogs,
  type LogPlace,
  type LogWindow,
} from "../data/log-window.ts";
import { useGrowing } from "../data/query.ts";
import { useSettled } from "../data/settled.ts";
import { LoadingPart } from "./loading.tsx";
import { LogLines } from "./log-lines.tsx";
import { Pager } from "./pager.tsx";
import { SearchField } from "./search-field.tsx";

/** However fast lines come, they are not asked for more often. */
const PAUSE_MS = 1000;
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

/** What somebody looks at. */
interface View {
  /** The pages that were gone back, the earliest last. */
  places: readonly LogPlace[];
  /** The newest record when the reader left the end; undefined while it is followed. */
  leftAt: string | undefined;
}

const END: View = { places: [], leftAt: undefined };

export function Logs({ flowRunId, taskRunId, onDownload }: LogsProps) {
  const [level, setLevel] = useState(0);
  const [search, setSearch] = useState("");
  const [{ places, leftAt }, setView] = useState(END);
  /** How often the end was read anew because there was too much behind what was known. */
  const [leaps, setLeaps] = useState(0);
  const isFollowed = useRef(true);
  isFollowed.current = leftAt === undefined;
  const settled = useSettled(search);
  const phrase = settled.trim() === "" ? "" : settled;
  const place = places.at(-1);
  const question = { flowRunId, taskRunId, level, search: phrase, place };
  const logs = useGrowing<LogWindow>(JSON.stringify(["logs", question, leaps]), {
    pauseMs: PAUSE_MS,
    ask: (known) => askForLogs(question, known),
    join: (known, found) =>
      joinLogs(known, found as Log[], { search: phrase, isFollowed: isFollowed.current }),
  });
  const shown = logs.value;
  const follow = (): void => {
    setView({ places, leftAt: undefined });
    if (shown !== undefined && shown.lines_left_out > 0) setLeaps(leaps + 1);
  };
  const earlier = shown === undefined ? undefined : findEarlier(shown, place);
  return (
    <>
      <div class="title">
        <h2>Logs</h2>
        <label>
          Level{" "}
          <select
            value={level}
            onChange={({ currentTarget }) => {
              setLevel(Number(currentTarget.value));
              setView(END);
            }}
          >
            {LEVELS.map(({ name, from }) => (
              <option key={name} value={from}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <SearchField
          value={search}
          onSearch={(text) => {
            setSearch(text);
            setView(END);
          }}
        />
        {onDownload !== undefined && (
          <button type="button" onClick={onDownload}>
            All of them as CSV
          </button>
        )}
      </div>
      {shown === undefined ? (
        <LoadingPart query={logs} />
      ) : shown.records.length === 0 ? (
        <p class="none">No lines.</p>
      ) : (
        <LogLines
          shown={shown}
          isFollowed={leftAt === undefined}
          newer={leftAt === undefined ? 0 : countNewer(shown, leftAt)}
          onFollow={follow}
          onLeave={() => setView({ places, leftAt: shown.records.at(-1)?.id })}
        />
      )}
      <Pager
        of="log lines"
        words={["Later lines", "Earlier lines"]}
        onNewer={place && (() => setView({ ...END, places: places.slice(0, -1) }))}
        onOlder={earlier && (() => setView({ ...END, places: [...places, earlier] }))}
      />
    </>
  );
}
