/** The minutes of a timeline: lines behind its bars, and below every fifth its time. */
import { formatClock } from "./time.tsx";
import { MINUTES, type Times } from "./timeline-scales.ts";

/** In pixels. */
export const AXIS_HEIGHT = 19;
const LABEL_WIDTH = 44;

export function TimelineGrid({ x, height }: { x: Times; height: number }) {
  return x.ticks(MINUTES).map((at) => {
    const isMain = at.getMinutes() % 5 === 0;
    return (
      <line key={Number(at)} class={isMain ? "tick main" : "tick"} x1={x(at)} x2={x(at)} y1={0} y2={height} />
    );
  });
}

/** It has room from 0 to `width`. */
export function TimelineAxis({ x, width }: { x: Times; width: number }) {
  const hasRoom = (at: Date): boolean => x(at) > LABEL_WIDTH / 2 && x(at) < width - LABEL_WIDTH;
  return (
    <g class="axis" aria-hidden="true">
      {x
        .ticks(MINUTES / 5)
        .filter(hasRoom)
        .map((at) => (
          <text key={Number(at)} x={x(at)}>
            {formatClock(Number(at), true)}
          </text>
        ))}
      <text class="now" x={width}>
        now
      </text>
    </g>
  );
}
