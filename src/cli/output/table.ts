/** Lists: a table that fits the terminal, aligned plain text everywhere else. */
import { styleText } from "node:util";
import stringWidth from "string-width";

export interface Column<Row> {
  title: string;
  value: (row: Row) => string | number | null | undefined;
  align?: "right";
  /** Colour of a cell, in terminals that have colours. */
  color?: (row: Row) => Color | undefined;
}
export type Color = "red" | "green" | "yellow" | "blue" | "magenta" | "gray";

export interface Screen {
  /** Columns of the terminal; undefined where output is no terminal. */
  width: number | undefined;
  hasColor: boolean;
}

/** One line about a record. */
export type Detail = readonly [title: string, value: string | number | null | undefined];

/** A column narrower than this cannot be read; the rows are then written one below the other. */
const COLUMN_WIDTH_MIN = 6;
/** Ids are there to be copied, so they are never broken. */
const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;

/** How the columns of a table are held apart. */
interface Layout {
  /** Columns of the terminal that `count` columns of a table cost beyond their content. */
  frame: (count: number) => number;
  isBoxed: boolean;
}
const BOXED: Layout = { frame: (count) => count * 3 + 1, isBoxed: true };
const BARE: Layout = { frame: (count) => count * 2, isBoxed: false };

/** Writes rows as a table: boxed where that fits, else without lines, else one record below the other. */
export async function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  screen: Screen,
): Promise<string> {
  const cells = rows.map((row) => columns.map((column) => formatCell(column.value(row))));
  const titles = columns.map(({ title }) => title);
  const { width } = screen;
  if (width === undefined) return formatPlain(columns, cells);
  const columnOf = (index: number): string[] => cells.map((row) => row[index] ?? "");
  const natural = titles.map((title, index) => Math.max(...[title, ...columnOf(index)].map(measure)));
  const least = titles.map((title, index) =>
    Math.max(
      measure(title),
      COLUMN_WIDTH_MIN,
      ...columnOf(index).map((cell) => measure(ID.exec(cell)?.[0] ?? "")),
    ),
  );
  for (const minima of [natural, least]) {
    for (const layout of [BOXED, BARE]) {
      const widths = shrinkToFit(natural, width - layout.frame(titles.length), minima);
      if (widths !== undefined) return drawTable(columns, rows, cells, { widths, layout, screen });
    }
  }
  return formatCards(titles, cells, width);
}

async function drawTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  cells: readonly string[][],
  { widths, layout, screen }: { widths: readonly number[]; layout: Layout; screen: Screen },
): Promise<string> {
  const { default: Table } = await import("cli-table3");
  const wrapped = cells.map((row) => wrapRow(row, widths));
  // Lines between rows tell apart only what takes several lines.
  const hasLines = layout.isBoxed && wrapped.some((row) => row.some((cell) => cell.includes("\n")));
  const table = new Table({
    head: columns.map(({ title }) => title),
    colWidths: widths.map((width) => width + 2),
    colAligns: columns.map(({ align }) => align ?? "left"),
    style: screen.hasColor ? { head: ["bold"], border: ["gray"] } : { head: [], border: [] },
    chars: layout.isBoxed ? (hasLines ? {} : NO_ROW_LINES) : NO_LINES,
  });
  for (const [at, row] of rows.entries()) table.push(colorRow(columns, row, wrapped[at] ?? [], screen));
  const text = table.toString();
  return layout.isBoxed ? text : text.replaceAll(/^ | +$/gm, "");
}

const NO_ROW_LINES = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };
const NO_LINES = {
  ...NO_ROW_LINES,
  top: "",
  "top-left": "",
  "top-mid": "",
  "top-right": "",
  bottom: "",
  "bottom-left": "",
  "bottom-mid": "",
  "bottom-right": "",
  left: "",
  right: "",
  middle: "",
};

function colorRow<Row>(
  columns: readonly Column<Row>[],
  row: Row,
  cells: readonly string[],
  screen: Screen,
): string[] {
  return cells.map((cell, index) => {
    const color = screen.hasColor ? columns[index]?.color?.(row) : undefined;
    if (color === undefined) return cell;
    const paint = (line: string): string => styleText(color, line, { validateStream: false });
    return cell.split("\n").map(paint).join("\n");
  });
}

/** Cells are wrapped here because the table's own wrapping loses wide characters. */
function wrapRow(cells: readonly string[], widths: readonly number[]): string[] {
  return cells.map((cell, index) => wrap(cell, widths[index] ?? COLUMN_WIDTH_MIN).join("\n"));
}

/** Writes one record as titles and values. */
export function formatDetails(pairs: readonly Detail[], screen: Screen): string {
  const titles = pairs.map(([title]) => title);
  return formatCards(titles, [pairs.map(([, value]) => formatCell(value))], screen.width);
}

/** Narrows the widest columns until all fit, none below its minimum; undefined when they cannot. */
export function shrinkToFit(
  natural: readonly number[],
  room: number,
  minima: readonly number[],
): number[] | undefined {
  const widths = [...natural];
  const canShrink = (index: number): boolean => (widths[index] ?? 0) > (minima[index] ?? 0);
  for (let excess = widths.reduce((sum, width) => sum + width, 0) - room; excess > 0; excess -= 1) {
    const widest = Math.max(...widths.filter((_, index) => canShrink(index)));
    const index = widths.findLastIndex((width, at) => width === widest && canShrink(at));
    if (index === -1) return undefined;
    widths[index] = widest - 1;
  }
  return widths;
}

function formatPlain<Row>(columns: readonly Column<Row>[], cells: readonly string[][]): string {
  const lines = [columns.map(({ title }) => title.toUpperCase()), ...cells].map((row) =>
    row.map((cell) => cell.replace(/\s*\n\s*/g, " ")),
  );
  const widths = columns.map((_, index) => Math.max(...lines.map((row) => measure(row[index] ?? ""))));
  return lines
    .map((row) =>
      row
        .map((cell, index) => pad(cell, widths[index] ?? 0, columns[index]?.align))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function formatCards(
  titles: readonly string[],
  rows: readonly string[][],
  width: number | undefined,
): string {
  const titleWidth = Math.max(0, ...titles.map(measure));
  const room = width === undefined ? Number.POSITIVE_INFINITY : Math.max(10, width - titleWidth - 2);
  return rows
    .map((row) =>
      titles
        .map((title, index) => {
          const indent = " ".repeat(titleWidth + 2);
          const value = wrap(row[index] ?? "", room).join(`\n${indent}`);
          return `${pad(title, titleWidth)}  ${value}`.trimEnd();
        })
        .join("\n"),
    )
    .join("\n\n");
}

/** Breaks text into lines of at most `room` columns, at blanks where there are any; wide characters count as two. */
export function wrap(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    let current = "";
    for (const word of splitWords(line)) {
      if (measure(current + word) <= room) {
        current += word;
        continue;
      }
      if (current !== "") lines.push(current.trimEnd());
      current = "";
      if (word.trim() === "") continue;
      if (ID.test(word)) {
        current = word;
        continue;
      }
      for (const { segment } of new Intl.Segmenter().segment(word)) {
        if (measure(current + segment) > room && current !== "") {
          lines.push(current);
          current = "";
        }
        current += segment;
      }
    }
    lines.push(current.trimEnd());
  }
  return lines;
}

/** Blanks, words, and the parts of words that end in a hyphen or slash; ids are one word. */
function splitWords(line: string): string[] {
  const words = line.match(/\s+|\S+/g) ?? [];
  return words.flatMap((word) => (ID.test(word) ? [word] : (word.match(/[^-/]*[-/]+|[^-/]+/g) ?? [word])));
}

function formatCell(value: string | number | null | undefined): string {
  const text = value === null || value === undefined || value === "" ? "-" : String(value);
  // Names and messages come from elsewhere: what would move the cursor or change colours is shown as a blank.
  return text.replaceAll(/(?!\n)\p{Cc}/gu, " ");
}

function measure(text: string): number {
  return Math.max(...text.split("\n").map((line) => stringWidth(line)));
}

function pad(text: string, width: number, align?: "right"): string {
  const blank = " ".repeat(Math.max(0, width - stringWidth(text)));
  return align === "right" ? blank + text : text + blank;
}
