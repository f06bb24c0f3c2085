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
/** A border and two spaces for each column, and the last border. */
const COLUMN_FRAME = 3;
const TABLE_FRAME = 1;

/** Writes rows as a table. */
export async function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  screen: Screen,
): Promise<string> {
  const cells = rows.map((row) => columns.map((column) => formatCell(column.value(row))));
  const titles = columns.map(({ title }) => title);
  if (screen.width === undefined) return formatPlain(columns, cells);
  const natural = titles.map((title, index) =>
    Math.max(...[title, ...cells.map((row) => row[index] ?? "")].map(measure)),
  );
  const room = screen.width - columns.length * COLUMN_FRAME - TABLE_FRAME;
  const widths = shrinkToFit(natural, room);
  if (widths === undefined) return formatCards(titles, cells, screen.width);
  const { default: Table } = await import("cli-table3");
  const table = new Table({
    head: titles,
    colWidths: widths.map((width) => width + 2),
    colAligns: columns.map(({ align }) => align ?? "left"),
    style: screen.hasColor ? { head: ["bold"], border: ["gray"] } : { head: [], border: [] },
  });
  for (const [at, row] of rows.entries())
    table.push(colorRow(columns, row, wrapRow(cells[at] ?? [], widths), screen));
  return table.toString();
}

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

/** Narrows the widest columns until all fit; undefined when they cannot without becoming unreadable. */
export function shrinkToFit(natural: readonly number[], room: number): number[] | undefined {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width, 0) - room;
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= COLUMN_WIDTH_MIN) return undefined;
    const index = widths.lastIndexOf(widest);
    widths[index] = widest - 1;
    excess -= 1;
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
    for (const word of line.match(/\s+|\S+/g) ?? []) {
      if (measure(current + word) <= room) {
        current += word;
        continue;
      }
      if (current !== "") lines.push(current.trimEnd());
      current = "";
      if (word.trim() === "") continue;
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
