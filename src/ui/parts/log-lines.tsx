/** The lines of a log, with its end in sight for as long as it is followed. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { LEVEL_WIDTH, nameLevel } from "../../contract/log-levels.ts";
import type { Part } from "../data/log-excerpt.ts";
import type { LogRecord, LogWindow } from "../data/log-window.ts";
import { formatExact, formatMoment } from "./time.tsx";

/** As long as the end is this near, it is followed. */
const NEAR_PIXELS = 40;

export interface LogLinesProps {
  shown: LogWindow;
  isFollowed: boolean;
  /** Lines that have come since the reader left the end. */
  newer: number;
  onFollow: () => void;
  onLeave: () => void;
}

export function LogLines({ shown, isFollowed, newer, onFollow, onLeave }: LogLinesProps) {
  const list = useRef<HTMLOListElement>(null);
  useLayoutEffect(() => {
    if (isFollowed && list.current !== null) list.current.scrollTo({ top: findEnd(list.current) });
  }, [shown, isFollowed]);
  return (
    <div class="log-lines">
      <ol
        ref={list}
        class="logs"
        tabIndex={0}
        aria-label="Log lines, the latest last"
        onScroll={({ currentTarget }) => {
          const isNear = findEnd(currentTarget) - currentTarget.scrollTop < NEAR_PIXELS;
          if (isNear && !isFollowed) onFollow();
          else if (!isNear && isFollowed) onLeave();
        }}
      >
        {shown.records.map((record) => (
          <Line key={record.id} record={record} />
        ))}
      </ol>
      {newer > 0 && (
        <button
          type="button"
          onClick={() => {
            // The button goes away, and who uses a keyboard goes on from the lines.
            list.current?.focus({ preventScroll: true });
            onFollow();
          }}
        >
          {shown.lines_left_out > 0 && "more than "}
          {newer === 1 ? "one newer line" : `${newer} newer lines`}: follow
        </button>
      )}
    </div>
  );
}

/** How far it is scrolled when its end is in sight, or, of a long last record that was found, what was found in it. */
function findEnd(list: HTMLElement): number {
  const end = list.scrollHeight - list.clientHeight;
  const match = list.lastElementChild?.querySelector("mark:last-of-type");
  if (match === null || match === undefined) return end;
  const top = match.getBoundingClientRect().top - list.getBoundingClientRect().top + list.scrollTop;
  return Math.max(0, Math.min(end, top - list.clientHeight / 2));
}

function Line({ record: { timestamp, level, parts } }: { record: LogRecord }) {
  return (
    <li class={level >= 40 ? "error" : level >= 30 ? "warning" : ""}>
      <time dateTime={timestamp} title={formatExact(timestamp)}>
        {formatMoment(timestamp)}
      </time>{" "}
      <span class="level">{nameLevel(level).padEnd(LEVEL_WIDTH)}</span> <bdi>{parts.map(drawPart)}</bdi>
    </li>
  );
}

function drawPart(part: Part) {
  if (typeof part === "string") return part;
  if ("match" in part) return <mark>{part.match}</mark>;
  return <span class="folded">… {part.folded} lines …</span>;
}
