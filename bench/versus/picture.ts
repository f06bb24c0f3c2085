/** The headline figures as one SVG: a small chart of bars for each experiment, a bar for each contender. */
import * as echarts from "echarts";
import type { Experiment } from "./experiment.ts";
import { formatFigure } from "./report.ts";
import type { Outcome, Results } from "./results.ts";
import { describeTaking, describeVersions, type Taking } from "./taking.ts";

const COLUMNS = 3;
const CELL = { width: 360, height: 58, bar: 26 };
const MARGIN = { left: 20, top: 20 };
/** Room for the names of contenders in the first column, and for the figure behind a bar. */
const NAMES_WIDTH = 190;
const FIGURE_WIDTH = 110;
/** Below the charts: when and of what they were measured. */
const LINE_HEIGHT = 18;
const COLORS = ["#b8b2a7", "#8f887c", "#5b8def", "#1f4fbf"];
const TEXT = "#26241f";
const FONT = "system-ui, sans-serif";
/** Beyond this ratio the shorter bars would not be seen. */
const LINEAR_RATIO_MAX = 30;

/**
 * Draws what was measured. Names stand at the left of each row of charts; below them is when and of which versions, also
 * of the neighbours.
 */
export function drawPicture(
  { outcomes, neighbours }: Results,
  experiments: readonly Experiment[],
  contenders: readonly string[],
): string {
  const measured = experiments.filter(({ key }) => outcomes.some((outcome) => outcome.key === key));
  const charts = measured.map((experiment) => {
    const figures = contenders.map((contender) =>
      outcomes
        .find((outcome) => outcome.key === experiment.key && outcome.contender === contender)
        ?.figures.find(({ isHeadline }) => isHeadline === true),
    );
    const name = figures.find((figure) => figure !== undefined)?.name ?? experiment.title;
    const { isLogarithmic, lengths } = scale(figures);
    return { title: `${experiment.key}. ${name}${isLogarithmic ? " (log)" : ""}`, figures, lengths };
  });
  const rows = Math.ceil(charts.length / COLUMNS);
  const chartHeight = CELL.height + contenders.length * CELL.bar;
  const width = MARGIN.left + NAMES_WIDTH + COLUMNS * CELL.width;
  const lines = [
    ...contenders.map((contender) => {
      const takings = outcomes.filter((outcome) => outcome.contender === contender);
      return `${contender}: ${describeTakings(takings)}`;
    }),
    ...neighbours.map((figure) =>
      [`For scale, ${figure.name}: ${formatFigure(figure)}`, describeTaking(figure)]
        .filter((part) => part !== "")
        .join(", "),
    ),
  ];
  const height = MARGIN.top + rows * chartHeight + (lines.length + 1) * LINE_HEIGHT;
  const places = charts.map((chart, index) => ({
    ...chart,
    index,
    left: MARGIN.left + NAMES_WIDTH + (index % COLUMNS) * CELL.width,
    top: MARGIN.top + Math.floor(index / COLUMNS) * chartHeight,
    isFirst: index % COLUMNS === 0,
  }));
  const canvas = echarts.init(null, null, { renderer: "svg", ssr: true, width, height });
  canvas.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    textStyle: { fontFamily: FONT, color: TEXT },
    title: places.map(({ title, left, top }) => ({
      text: title,
      left,
      top,
      textStyle: { fontSize: 12, fontWeight: 600, width: CELL.width - 24, overflow: "break" },
    })),
    graphic: lines.map((text, index) => ({
      type: "text",
      left: MARGIN.left,
      top: MARGIN.top + rows * chartHeight + index * LINE_HEIGHT,
      style: { text, fill: TEXT, fontFamily: FONT, fontSize: 11 },
    })),
    grid: places.map(({ left, top }) => ({
      left,
      top: top + CELL.height - 20,
      width: CELL.width - FIGURE_WIDTH,
      height: contenders.length * CELL.bar,
    })),
    xAxis: places.map(({ index }) => ({ type: "value", min: 0, max: 1, gridIndex: index, show: false })),
    yAxis: places.map(({ isFirst, index }) => ({
      gridIndex: index,
      type: "category",
      inverse: true,
      data: contenders,
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { show: isFirst, color: TEXT, fontSize: 12 },
    })),
    series: places.map(({ figures, lengths, index }) => ({
      type: "bar",
      xAxisIndex: index,
      yAxisIndex: index,
      barWidth: 14,
      data: figures.map((figure, place) => ({
        value: lengths[place] ?? 0,
        itemStyle: { color: COLORS[place % COLORS.length] },
        label: { show: true, position: "right", formatter: formatFigure(figure), color: TEXT, fontSize: 11 },
      })),
    })),
  });
  const svg = canvas.renderToSVGString();
  canvas.dispose();
  return svg;
}

/** What is known of several: each thing once. */
function describeTakings(takings: readonly Partial<Taking>[]): string {
  const each = (list: (taking: Partial<Taking>) => string[]) => [...new Set(takings.flatMap(list))];
  const days = each(({ measured_on }) => (measured_on === undefined ? [] : [measured_on])).toSorted();
  return [
    ...(days.length > 1 ? [`${days[0]} to ${days.at(-1)}`] : days),
    ...each(({ cores }) => (cores === undefined ? [] : [describeTaking({ cores })])),
    ...each(({ versions }) => describeVersions(versions)),
  ].join(", ");
}

type Headline = Outcome["figures"][number] | undefined;

/** How long the bars are, of 1. Where the shorter ones could not be seen they follow the logarithm; without a value none. */
function scale(figures: readonly Headline[]): { isLogarithmic: boolean; lengths: number[] } {
  const values = figures.map((figure) => (Number.isFinite(figure?.value) ? (figure?.value ?? 0) : 0));
  const positive = values.filter((value) => value > 0);
  const most = Math.max(...positive);
  const least = Math.min(...positive);
  if (positive.length === 0) return { isLogarithmic: false, lengths: values };
  if (most / least <= LINEAR_RATIO_MAX)
    return { isLogarithmic: false, lengths: values.map((value) => value / most) };
  // The shortest bar has a length, too.
  const floor = least / 3;
  const lengthOf = (value: number) => (value > 0 ? Math.log(value / floor) / Math.log(most / floor) : 0);
  return { isLogarithmic: true, lengths: values.map(lengthOf) };
}
