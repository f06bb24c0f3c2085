/** The picture of a timeline. Its bars are drawn once for each answer of the server; as time passes they only move. */
import type { TargetedKeyboardEvent, TargetedMouseEvent } from "preact";
import { useLocation } from "preact-iso";
import { useId, useMemo, useState } from "preact/hooks";
import type { Limit, LimitHistory } from "../../contract/wire/limits.ts";
import type { Lanes } from "../data/lanes.ts";
import { AXIS_HEIGHT, TimelineAxis, TimelineGrid } from "./timeline-axis.tsx";
import { TimelineBars } from "./timeline-bars.tsx";
import { placeLanes, scaleTimes } from "./timeline-scales.ts";
import { measureDevices, shortenDevice } from "./timeline-texts.ts";
import type { Names } from "./who.tsx";

/** In pixels. */
const DEVICES_WIDTH_MAX = 150;

interface Props {
  limit: Pick<Limit, "name" | "limit" | "slot_names">;
  lanes: Lanes;
  /** No more lanes are drawn. */
  lanes_max: number;
  history: LimitHistory | undefined;
  /** Milliseconds since the epoch, by the server's clock. */
  now: number;
  width: number;
  names: Names;
  /** A lease is pointed at, or none. */
  onPoint: (lease_id: string | undefined) => void;
}

export function TimelineChart({ limit, lanes, lanes_max, history, now, width, names, onPoint }: Props) {
  const { route } = useLocation();
  const hatch = useId();
  const [focused, setFocused] = useState<string>();
  const devices = lanes.names.slice(0, lanes_max);
  const left = Math.min(measureDevices(devices), DEVICES_WIDTH_MAX, width / 4);
  const plot_width = Math.max(0, width - left);
  const y = useMemo(() => placeLanes(devices.length), [devices.length]);
  const [, plot_height] = y.range();
  const seen = scaleTimes(now, plot_width);
  const then = history === undefined ? undefined : Date.parse(history.now);
  const moving = useMemo(() => {
    // What was not answered yet is no idle time.
    if (history === undefined || then === undefined)
      return <rect class="unknown" fill={`url(#${hatch})`} width={plot_width} height={plot_height} />;
    const x = scaleTimes(then, plot_width);
    const unknown_width = Math.max(0, x(Date.parse(history.known_since)));
    const bars = lanes.bars.filter(
      ({ spans: [first] }) => first !== undefined && y(first.lane) !== undefined,
    );
    // One of them is reached by the tab key, the others from there by arrows.
    const reached = bars.find(({ lease }) => lease.lease_id === focused) ?? bars.at(-1);
    return (
      <>
        <TimelineGrid x={x} height={plot_height} />
        {unknown_width > 1 && (
          <rect class="unknown" fill={`url(#${hatch})`} width={unknown_width} height={plot_height}>
            <title>Not all is known of this time</title>
          </rect>
        )}
        <TimelineBars bars={bars} reached={reached} now={then} x={x} y={y} names={names} />
      </>
    );
    // What is known of names changes within the map.
  }, [history, lanes, names.size, plot_width, y, focused]);
  const point = ({ target }: Event): void => onPoint(leaseAt(target));
  return (
    // Not on the picture itself: one that listens for the focus can have it, in Chromium, and is reached by the tab key.
    <div
      onKeyDown={goByKey}
      onMouseOver={point}
      onMouseLeave={() => onPoint(undefined)}
      onFocusIn={(event) => {
        point(event);
        setFocused(leaseAt(event.target));
      }}
      onFocusOut={() => onPoint(undefined)}
      onClick={(event) => follow(event, route)}
    >
      <svg
        width={width}
        height={plot_height + AXIS_HEIGHT}
        role="group"
        aria-label={`Timeline of ${limit.name}`}
      >
        <defs>
          <pattern
            id={hatch}
            width={6}
            height={6}
            patternUnits="userSpaceOnUse"
            patternTransform="rotate(45)"
          >
            <line class="hatch" x1={0} x2={0} y1={0} y2={6} />
          </pattern>
        </defs>
        {devices.map((name, lane) => (
          <Lane
            key={lane}
            name={name}
            isOver={limit.slot_names === null ? lane >= limit.limit : !limit.slot_names.includes(name ?? "")}
            x={left}
            y={y(lane) ?? 0}
            width={plot_width}
            height={y.bandwidth()}
          />
        ))}
        <svg x={left} width={plot_width} height={plot_height}>
          <g transform={`translate(${then === undefined ? 0 : seen(then) - plot_width} 0)`}>{moving}</g>
        </svg>
        <line class="edge" x1={width - 0.5} x2={width - 0.5} y1={0} y2={plot_height} />
        <g transform={`translate(${left} ${plot_height + 13})`}>
          <TimelineAxis x={seen} width={plot_width} />
        </g>
      </svg>
    </div>
  );
}

interface LaneProps {
  name: string | null;
  /** It is no slot of the limit, or is one no more. */
  isOver: boolean;
  x: number;
  y: number;
  width: number;
  height: number;
}

function Lane({ name, isOver, ...place }: LaneProps) {
  return (
    <>
      <rect class={isOver ? "lane over" : "lane"} rx={3} {...place} />
      {name !== null && (
        <text class="device" x={0} y={place.y + place.height / 2}>
          {shortenDevice(name, place.x - 8)}
          <title>{name}</title>
        </text>
      )}
    </>
  );
}

function goByKey(event: TargetedKeyboardEvent<HTMLDivElement>): void {
  const bars = [...event.currentTarget.querySelectorAll<SVGElement>("[data-lease]")];
  const at = bars.findIndex((bar) => bar === document.activeElement);
  const steps: Record<string, number> = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    Home: 0,
    End: bars.length - 1,
  };
  const next = bars[steps[event.key] ?? -1];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}

/** The router knows links of HTML only. */
function follow(event: TargetedMouseEvent<HTMLDivElement>, route: (path: string) => void): void {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  const href = link?.getAttribute("href") ?? null;
  if (href === null || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  event.preventDefault();
  route(href);
}

function leaseAt(target: EventTarget | null): string | undefined {
  const bar = target instanceof Element ? target.closest("[data-lease]") : null;
  return bar?.getAttribute("data-lease") ?? undefined;
}
