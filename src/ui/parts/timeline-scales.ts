/** Where times and lanes lie on a timeline, in pixels. */
import { scaleBand, scaleTime, type ScaleBand, type ScaleTime } from "d3-scale";

export const WINDOW_SECONDS = 900;
const WINDOW_MS = WINDOW_SECONDS * 1000;
/** So much later things are drawn, too, to come into sight before the next answer: it comes each minute at least. */
const AHEAD_MS = 120_000;
export const MINUTES = (WINDOW_MS + AHEAD_MS) / 60_000;

/** Between lanes; one pixel of it is above the first, the rest below the last. */
const GAP = 3;

export type Times = ScaleTime<number, number>;
/** Of lanes by their numbers; one that is not drawn has no place. */
export type Places = ScaleBand<number>;

/** Of the time that is seen when it is `now`, in milliseconds since the epoch, and of what comes into sight after it. */
export function scaleTimes(now: number, width: number): Times {
  return scaleTime([now - WINDOW_MS, now + AHEAD_MS], [0, width * (1 + AHEAD_MS / WINDOW_MS)]);
}

/** The more lanes, the lower. */
export function placeLanes(count: number): Places {
  const step = GAP + (count <= 4 ? 22 : count <= 8 ? 16 : 9);
  return scaleBand(Array(count).keys(), [0, count * step])
    .paddingInner(GAP / step)
    .paddingOuter(GAP / step / 2)
    .align(1 / GAP);
}
