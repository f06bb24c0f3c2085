/** The bars of a timeline: each is a link to the run that held the slots, and one of them is reached by the tab key. */
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
    const attributes = {
      class: classOf(bar, name),
      "data-lease": lease_id,
      tabIndex: bar === reached ? 0 : -1,
      "aria-label": label,
    };
    const content = (
      <>
        <title>{label}</title>
        {bar.spans.map((span) => (
          <BarSpan key={span.lane} bar={bar} span={span} name={name} now={now} x={x} y={y} />
        ))}
      </>
    );
    return flow_run_id === null ? (
      <g key={lease_id} role="img" {...attributes}>
        {content}
      </g>
    ) : (
      <a key={lease_id} href={`/runs/flow-run/${flow_run_id}`} {...attributes}>
        {content}
      </a>
    );
  });
}

interface SpanProps extends Pick<Props, "now" | "x" | "y"> {
  bar: Bar;
  span: Span;
  name: string;
}

function BarSpan({ bar, span: { lane, count }, name, now, x, y }: SpanProps) {
  const top = y(lane);
  if (top === undefined) return null;
  const left = Math.max(-2 * RADIUS, x(bar.from));
  const right = x(Math.min(bar.to, Number(x.domain()[1]))) - 1;
  const height = (Math.min(count, y.domain().length - lane) - 1) * y.step() + y.bandwidth();
  const seen_width = Math.min(right, x(now)) - Math.max(0, left);
  return (
    <>
      <rect
        x={left}
        y={top}
        width={Math.max(BAR_WIDTH_MIN, right - left)}
        height={height}
        rx={Math.min(RADIUS, Math.max(0, right - left) / 3)}
      />
      {height >= TEXT_HEIGHT_MIN && (
        <text aria-hidden="true" x={Math.max(0, left) + 6} y={top + height / 2}>
          {shorten(name, seen_width - 10)}
        </text>
      )}
    </>
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
