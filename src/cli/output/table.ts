/** Lists: a table that fits the terminal, aligned plain text everywhere else. */
import { styleText } from "node:util";
import stringWidth from "string-width";

export interface Column<Row> {
  title: string;
  value: (row: Row) => string | number | null | undefined;
  /** Numbers; they are never shortened. */
  align?: "right";
  /** Colour of a cell, in terminals that have colours. */
  color?: (row: Row) => Color | undefined;
  /** What stands there where the whole value has no room: of an id, its beginning. It is cut to `least` at most. */
  short?: (row: Row) => string;
  /** Columns of the terminal below which it says nothing; by default the whole of `short`, else enough for a name. */
  least?: number;
  /** In a narrow terminal the column with the highest number is left out first; one without is never left out. */
  rank?: number;
}
export type Color = "red" | "green" | "yellow" | "blue" | "magenta" | "gray";

export interface Screen {
  /** Columns of the terminal; undefined where output is no terminal. */
  width: number | undefined;
  hasColor: boolean;
}

/** One line about a record. */
export type Detail = readonly [title: string, value: string | number | null | undefined];

/** A text shortened to less than this cannot be told from others; columns are left out before that. */
const TEXT_WIDTH_MIN = 12;

/** Columns of the terminal that a table of `count` columns costs beyond their content. */
const frameOf = (count: number, isBoxed: boolean): number => (isBoxed ? count * 3 + 1 : (count - 1) * 2);

/**
 * Writes rows as a table, a line each: boxed where that fits, else without lines, else with ids and texts shortened
 * and the least important columns left out. Words are never broken. What fits in no way is written one below the other.
 */
export async function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  screen: Screen,
): Promise<string> {
  const whole = rows.map((row) => columns.map((column) => formatLine(column.value(row))));
  const { width } = screen;
  if (width === undefined) return formatPlain(columns, whole);
  const natural = measureColumns(columns, whole);
  const total = sum(natural);
  for (const isBoxed of [true, false])
    if (total + frameOf(columns.length, isBoxed) <= width)
      return drawTable(columns, rows, whole, { widths: natural, isBoxed, screen });
  let kept = [...columns];
  for (;;) {
    const cells = rows.map((row) => kept.map((column) => formatLine((column.short ?? column.value)(row))));
    const wanted = measureColumns(kept, cells);
    const least = wanted.map((most, index) => leastWidth(kept[index], most));
    const widths = shrinkToFit(wanted, width - frameOf(kept.length, false), least);
    if (widths !== undefined) return drawTable(kept, rows, cells, { widths, isBoxed: false, screen });
    const last = Math.max(...kept.map(({ rank }) => rank ?? 0));
    if (last <= 0) break;
    kept = kept.filter(({ rank }) => rank !== last);
  }
  const titles = columns.map(({ title }) => title);
  return formatCards(titles, whole, width);
}

function measureColumns<Row>(columns: readonly Column<Row>[], cells: readonly string[][]): number[] {
  return columns.map(({ title }, index) =>
    Math.max(measure(title), ...cells.map((row) => measure(row[index] ?? ""))),
  );
}

function leastWidth<Row>(column: Column<Row> | undefined, most: number): number {
  if (column === undefined || column.align === "right") return most;
  const { title, short, least = short === undefined ? TEXT_WIDTH_MIN : most } = column;
  return Math.min(most, Math.max(least, measure(title)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

async function drawTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  cells: readonly string[][],
  { widths, isBoxed, screen }: { widths: readonly number[]; isBoxed: boolean; screen: Screen },
): Promise<string> {
  const head = columns.map(({ title }) => title);
  const fitted = cells.map((row) => row.map((cell, index) => shorten(cell, widths[index] ?? 0)));
  const paint = (text: string, row: number, column: number): string => {
    if (!screen.hasColor) return text;
    const record = rows[row];
    const color = record === undefined ? "bold" : columns[column]?.color?.(record);
    return color === undefined ? text : styleText(color, text, { validateStream: false });
  };
  if (!isBoxed)
    return alignLines(columns, [head, ...fitted], widths, (text, line, at) => paint(text, line - 1, at));
  const { default: Table } = await import("cli-table3");
  const table = new Table({
    head,
    colWidths: widths.map((width) => width + 2),
    colAligns: columns.map(({ align }) => align ?? "left"),
    style: screen.hasColor ? { head: ["bold"], border: ["gray"] } : { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
  });
  for (const [at, row] of fitted.entries()) table.push(row.map((cell, index) => paint(cell, at, index)));
  return table.toString();
}

/** Cuts a text that is too wide: sentences at their end, names in the middle, for those that differ do so at either end. */
function shorten(text: string, room: number): string {
  if (measure(text) <= room) return text;
  const isSentence = /\s/.test(text);
  const letters = [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);
  let head = "";
  let tail = "";
  for (let from = 0, to = letters.length - 1; from <= to;) {
    const isHeadsTurn = isSentence || measure(head) <= measure(tail);
    const letter = letters[isHeadsTurn ? from : to] ?? "";
    if (measure(head + letter + tail) >= room) break;
    if (isHeadsTurn) {
      head += letter;
      from += 1;
    } else {
      tail = letter + tail;
      to -= 1;
    }
  }
  return `${head.trimEnd()}…${tail}`;
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
  const lines = [columns.map(({ title }) => title.toUpperCase()), ...cells];
  return alignLines(columns, lines, measureColumns(columns, lines));
}

/** Columns held apart by two blanks. */
function alignLines<Row>(
  columns: readonly Column<Row>[],
  lines: readonly string[][],
  widths: readonly number[],
  paint: (text: string, line: number, column: number) => string = (text) => text,
): string {
  return lines
    .map((cells, line) =>
      cells
        .map((cell, index) => {
          const { align } = columns[index] ?? {};
          const isLast = index === cells.length - 1;
          const blank = " ".repeat(Math.max(0, (widths[index] ?? 0) - measure(cell)));
          const painted = paint(cell, line, index);
          return align === "right" ? blank + painted : isLast ? painted : painted + blank;
        })
        .join("  "),
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

/** Breaks text into lines of at most `room` columns, at blanks; only a word wider than the room is broken itself. */
export function wrap(text: string, room: number): string[] {
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    let current = "";
    for (const word of line.match(/\s+|\S+/g) ?? []) {
      if (measure(current + word) <= room) {
        current += word;
        continue;
      }
      if (current.trim() !== "") lines.push(current.trimEnd());
      const pieces = word.trim() === "" ? [""] : breakWord(word, room);
      current = pieces.pop() ?? "";
      lines.push(...pieces);
    }
    lines.push(current.trimEnd());
  }
  return lines;
}

/** Ids are there to be copied, so they are never broken. */
const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;

function breakWord(word: string, room: number): string[] {
  if (measure(word) <= room || ID.test(word)) return [word];
  const pieces = [""];
  for (const { segment } of new Intl.Segmenter().segment(word)) {
    const current = pieces.at(-1) ?? "";
    if (measure(current + segment) > room && current !== "") pieces.push(segment);
    else pieces[pieces.length - 1] = current + segment;
  }
  return pieces;
}

/** A value on one line. */
function formatLine(value: string | number | null | undefined): string {
  return formatCell(value).replace(/\s*\n\s*/g, " ");
}

function formatCell(value: string | number | null | undefined): string {
  const text = value === null || value === undefined || value === "" ? "-" : String(value);
  // Names and messages come from elsewhere: what would move the cursor or change colours is shown as a blank.
  return text.replaceAll(/(?!\n)\p{Cc}/gu, " ");
}

function measure(text: string): number {
  return Math.max(...text.split("\n").map((line) => stringWidth(line)));
}

function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - stringWidth(text)));
}
