/** The bars of a timeline: each is a link to the run that held the slots, and one of them is reached by the tab key. */
import { Fragment } from "preact";
import type { Bar, Span } from "../data/lanes.ts";
import type { Places, Times } from "./timeline-scales.ts";
import { shorten } from "./timeline-texts.ts";
import { describeBar, nameBar } from "./timeline-words.ts";
import type { Names } from "./who.tsx";

/** In pixels. */
const TEXT_HEIGHT_MIN = 14;
const BAR_WIDTH_MIN = 2;
const RADIUS = 3;

const TONES = 8;

interface Props {
  bars: readonly Bar[];
  /** The one that the tab key reaches. */
  reached: Bar | undefined;
  /** What was seen then lies left of it. */
  now: number;
  x: Times;
  y: Places;
  names: Names;
}

export function TimelineBars({ bars, reached, now, x, y, names }: Props) {
  return bars.map((bar) => {
    const { lease_id, flow_run_id } = bar.lease;
    const label = describeBar(bar, names, now);
    const name = nameBar(bar, names);
    const places = bar.spans.flatMap((span) => placeOf(bar, span, { x, y }));
    const attributes = {
      class: classOf(bar, name),
      "data-lease": lease_id,
      // Attributes of SVG are told apart by their case, and it has none in camel case for this.
      tabindex: bar === reached ? 0 : -1,
      "aria-label": label,
    };
    const content = (
      <>
        <title>{label}</title>
        {places.map((place) => (
          <rect key={place.y} {...place} rx={Math.min(RADIUS, place.width / 3)} />
        ))}
      </>
    );
    return (
      <Fragment key={lease_id}>
        {flow_run_id === null ? (
          <g role="img" {...attributes}>
            {content}
          </g>
        ) : (
          <a href={`/runs/flow-run/${flow_run_id}`} {...attributes}>
            {content}
          </a>
        )}
        {places.map((place) => (
          <BarText key={place.y} place={place} name={name} end={x(now)} />
        ))}
      </Fragment>
    );
  });
}

interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Where a part of a bar lies; nowhere if its lane is not drawn. */
function placeOf(bar: Bar, { lane, count }: Span, { x, y }: Pick<Props, "x" | "y">): Place[] {
  const top = y(lane);
  if (top === undefined) return [];
  const left = Math.max(-2 * RADIUS, x(bar.from));
  const right = x(Math.min(bar.to, Number(x.domain()[1]))) - 1;
  const height = (Math.min(count, y.domain().length - lane) - 1) * y.step() + y.bandwidth();
  return [{ x: left, y: top, width: Math.max(BAR_WIDTH_MIN, right - left), height }];
}

/** Beside the link, not in it: what has room there is often not all of the name that the link has. */
function BarText({ place: { x, y, width, height }, name, end }: { place: Place; name: string; end: number }) {
  if (height < TEXT_HEIGHT_MIN) return null;
  const left = Math.max(0, x);
  return (
    <text class="bar-text" aria-hidden="true" x={left + 6} y={y + height / 2}>
      {shorten(name, Math.min(x + width, end) - left - 10)}
    </text>
  );
}

function classOf({ lease: { flow_run_id, is_reservation, ended_by } }: Bar, name: string): string {
  const isCut = ended_by === "deadline" || ended_by === "operator";
  const tone = `tone-${toneOf(flow_run_id ?? name)}`;
  return ["bar", tone, is_reservation && "reserved", isCut && "cut"].filter(Boolean).join(" ");
}

/** The same colour for the same run, on every limit and at every time. */
function toneOf(text: string): number {
  let sum = 0;
  for (const character of text) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9973;
  return sum % TONES;
}
