/** The picture of a timeline. What it shows is drawn once for each answer of the server; as time passes it only moves. */
import {
  Fragment,
  type ComponentChildren,
  type TargetedKeyboardEvent,
  type TargetedMouseEvent,
} from "preact";
import { useLocation } from "preact-iso";
import { useId, useMemo, useState } from "preact/hooks";
import type { Limit, LimitHistory } from "../../contract/wire/limits.ts";
import type { Bar, Lanes } from "../data/lanes.ts";
import { formatClock } from "./time.tsx";
import { describeBar, nameBar } from "./timeline-words.ts";
import type { Names } from "./who.tsx";

export const WINDOW_SECONDS = 900;
const WINDOW_MS = WINDOW_SECONDS * 1000;
/** For so long bars of leases that are held grow without a new answer: it comes each minute at least. */
const AHEAD_MS = 120_000;
const MINUTE_MS = 60_000;
/** Every fifth minute has its time below it. */
const LABEL_MS = 5 * MINUTE_MS;

/** All in pixels. */
/** For the upper edge of the first bar. */
const TOP = 1;
const GAP = 3;
const AXIS_HEIGHT = 19;
const LABEL_WIDTH = 44;
const DEVICES_WIDTH_MAX = 150;
const CHARACTER_WIDTH = 7;
/** The beginning of a name that is shorter tells nothing. */
const CHARACTERS_MIN = 6;
const TEXT_HEIGHT_MIN = 14;
const BAR_WIDTH_MIN = 2;
const RADIUS = 3;

const TONES = 8;

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
  const devices = lanes.names.slice(0, lanes_max);
  const bar_height = heightOf(devices.length);
  const left = Math.min(widthOf(devices), DEVICES_WIDTH_MAX, width / 4);
  const plot_width = Math.max(0, width - left);
  const plot_height = TOP + devices.length * (bar_height + GAP);
  const px_per_ms = plot_width / WINDOW_MS;
  const drawn = lanes.bars.filter(({ spans }) => (spans[0]?.lane ?? lanes_max) < lanes_max);
  const [focused, setFocused] = useState<string>();
  // One of them is reached by the tab key, the others from there by arrows.
  const reached = drawn.find(({ lease }) => lease.lease_id === focused) ?? drawn.at(-1);
  const base = history === undefined ? undefined : Date.parse(history.now);
  const moving = useMemo(() => {
    if (history === undefined || base === undefined) return null;
    const xOf = (at: number): number => plot_width + (at - base) * px_per_ms;
    const unknown_width = Math.max(0, xOf(Date.parse(history.known_since)));
    return (
      <>
        {minutesBetween(base - WINDOW_MS, base + AHEAD_MS).map((at) => (
          <line
            key={at}
            class={at % LABEL_MS === 0 ? "tick main" : "tick"}
            x1={xOf(at)}
            x2={xOf(at)}
            y1={0}
            y2={plot_height}
          />
        ))}
        {unknown_width > 1 && (
          <rect class="unknown" fill={`url(#${hatch})`} width={unknown_width} height={plot_height}>
            <title>Not all is known of this time</title>
          </rect>
        )}
        {drawn.map((bar) => (
          <BarShape
            key={bar.lease.lease_id}
            bar={bar}
            names={names}
            label={describeBar(bar, names, base)}
            isReached={bar === reached}
          >
            {bar.spans
              .filter(({ lane }) => lane < lanes_max)
              .map(({ lane, count }) => {
                const x = Math.max(-2 * RADIUS, xOf(bar.from));
                const to = bar.to === Infinity ? xOf(base + AHEAD_MS) : xOf(bar.to) - 1;
                const y = TOP + lane * (bar_height + GAP);
                const height = Math.min(count, lanes_max - lane) * (bar_height + GAP) - GAP;
                const seen_width = Math.min(to, plot_width) - Math.max(0, x);
                return (
                  <Fragment key={lane}>
                    <rect
                      x={x}
                      y={y}
                      width={Math.max(BAR_WIDTH_MIN, to - x)}
                      height={height}
                      rx={Math.min(RADIUS, Math.max(0, to - x) / 3)}
                    />
                    {height >= TEXT_HEIGHT_MIN && (
                      <text x={Math.max(0, x) + 6} y={y + height / 2}>
                        {shorten(nameBar(bar, names), seen_width - 10)}
                      </text>
                    )}
                  </Fragment>
                );
              })}
          </BarShape>
        ))}
      </>
    );
    // What is known of names changes within the map.
  }, [history, lanes, names.size, plot_width, bar_height, reached]);

  const onKeyDown = (event: TargetedKeyboardEvent<SVGSVGElement>): void => {
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
  };
  const point = ({ target }: Event): void => onPoint(leaseAt(target));
  return (
    <svg
      width={width}
      height={plot_height + AXIS_HEIGHT}
      role="group"
      aria-label={`Timeline of ${limit.name}`}
      onKeyDown={onKeyDown}
      onMouseOver={point}
      onMouseLeave={() => onPoint(undefined)}
      onFocusIn={(event) => {
        point(event);
        setFocused(leaseAt(event.target));
      }}
      onFocusOut={() => onPoint(undefined)}
      onClick={(event) => follow(event, route)}
    >
      <defs>
        <pattern id={hatch} width={6} height={6} patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <line class="hatch" x1={0} x2={0} y1={0} y2={6} />
        </pattern>
      </defs>
      {devices.map((name, lane) => (
        <Lane
          key={lane}
          name={name}
          isOver={limit.slot_names === null ? lane >= limit.limit : !limit.slot_names.includes(name ?? "")}
          x={left}
          y={TOP + lane * (bar_height + GAP)}
          width={plot_width}
          height={bar_height}
        />
      ))}
      <svg x={left} width={plot_width} height={plot_height}>
        <g transform={`translate(${base === undefined ? 0 : (base - now) * px_per_ms} 0)`}>{moving}</g>
      </svg>
      <line class="edge" x1={width - 0.5} x2={width - 0.5} y1={0} y2={plot_height} />
      <g class="axis" aria-hidden="true" transform={`translate(${left} ${plot_height + 13})`}>
        {minutesBetween(now - WINDOW_MS, now)
          .filter((at) => at % LABEL_MS === 0)
          .map((at) => ({ at, x: plot_width + (at - now) * px_per_ms }))
          .filter(({ x }) => x > LABEL_WIDTH / 2 && x < plot_width - LABEL_WIDTH)
          .map(({ at, x }) => (
            <text key={at} x={x}>
              {formatClock(at, true)}
            </text>
          ))}
        <text class="now" x={plot_width}>
          now
        </text>
      </g>
    </svg>
  );
}

function Lane({
  name,
  isOver,
  ...place
}: {
  name: string | null;
  isOver: boolean;
  x: number;
  y: number;
  width: number;
  height: number;
}) {
  return (
    <>
      <rect class={isOver ? "lane over" : "lane"} rx={RADIUS} {...place} />
      {name !== null && (
        <text class="device" x={0} y={place.y + place.height / 2}>
          {shortenDevice(name, place.x - 8)}
          <title>{name}</title>
        </text>
      )}
    </>
  );
}

function BarShape({
  bar,
  names,
  label,
  isReached,
  children,
}: {
  bar: Bar;
  names: Names;
  label: string;
  isReached: boolean;
  children: ComponentChildren;
}) {
  const { lease_id, ended_by, flow_run_id, is_reservation } = bar.lease;
  const isCut = ended_by === "deadline" || ended_by === "operator";
  const attributes = {
    class: [
      "bar",
      `tone-${toneOf(flow_run_id ?? nameBar(bar, names))}`,
      is_reservation && "reserved",
      isCut && "cut",
    ]
      .filter(Boolean)
      .join(" "),
    "data-lease": lease_id,
    tabIndex: isReached ? 0 : -1,
    "aria-label": label,
  };
  const content = (
    <>
      <title>{label}</title>
      {children}
    </>
  );
  return flow_run_id === null ? (
    <g role="img" {...attributes}>
      {content}
    </g>
  ) : (
    <a href={`/runs/flow-run/${flow_run_id}`} {...attributes}>
      {content}
    </a>
  );
}

/** The router knows links of HTML only. */
function follow(event: TargetedMouseEvent<SVGSVGElement>, route: (path: string) => void): void {
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

/** The more lanes, the lower. */
function heightOf(lanes: number): number {
  if (lanes <= 4) return 22;
  return lanes <= 8 ? 16 : 9;
}

function minutesBetween(from: number, to: number): number[] {
  const first = Math.ceil(from / MINUTE_MS);
  const count = Math.max(0, Math.floor(to / MINUTE_MS) - first + 1);
  return Array.from({ length: count }, (_, index) => (first + index) * MINUTE_MS);
}

function shorten(text: string, width: number): string {
  const characters = Math.floor(width / CHARACTER_WIDTH);
  if (text.length <= characters) return text;
  return characters < CHARACTERS_MIN ? "" : `${text.slice(0, characters - 1)}…`;
}

/** Devices begin alike, and their ends tell them apart. */
function shortenDevice(name: string, width: number): string {
  const characters = Math.floor(width / CHARACTER_WIDTH);
  if (name.length <= characters) return name;
  const end = Math.ceil((characters - 1) / 2);
  return `${name.slice(0, Math.max(0, characters - 1 - end))}…${name.slice(-end)}`;
}

function widthOf(devices: readonly (string | null)[]): number {
  const characters = Math.max(0, ...devices.map((name) => name?.length ?? 0));
  return characters === 0 ? 0 : characters * CHARACTER_WIDTH + 10;
}

/** The same colour for the same run, on every limit and at every time. */
function toneOf(text: string): number {
  let sum = 0;
  for (const character of text) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9973;
  return sum % TONES;
}
