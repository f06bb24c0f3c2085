/** Tables as flows leave them: a list of records, a list of lists, or a record of columns; often as JSON in a text. */
import type { JsonValue } from "../../contract/wire/common.ts";
import { isObject } from "./json-schema.ts";

/** Numbers stay what they are, to be sorted; all else is a text. */
export type Cell = string | number | null;

export interface DataTable {
  heads: string[];
  rows: Cell[][];
}

/** Undefined for what is no table. */
export function readTable(data: JsonValue | null): DataTable | undefined {
  const value = typeof data === "string" ? parse(data) : data;
  if (Array.isArray(value)) {
    if (value.length > 0 && value.every(Array.isArray)) return fromLists(value as JsonValue[][]);
    if (value.length > 0 && value.every(isObject)) return fromRecords(value);
    return undefined;
  }
  if (!isObject(value) || !Object.values(value).every(Array.isArray)) return undefined;
  const columns = Object.entries(value) as [string, JsonValue[]][];
  const length = Math.max(0, ...columns.map(([, column]) => column.length));
  const rows = Array.from({ length }, (_, index) => columns.map(([, column]) => toCell(column[index])));
  return { heads: columns.map(([head]) => head), rows };
}

function fromRecords(records: readonly { [key: string]: JsonValue }[]): DataTable {
  const heads = [...new Set(records.flatMap((record) => Object.keys(record)))];
  return { heads, rows: records.map((record) => heads.map((head) => toCell(record[head]))) };
}

/** Lists have no names: their first one is taken for the headings, as Prefect's dashboard does. */
function fromLists([first = [], ...rest]: readonly JsonValue[][]): DataTable {
  return { heads: first.map(String), rows: rest.map((row) => row.map(toCell)) };
}

function toCell(value: JsonValue | undefined): Cell {
  if (value === undefined || value === null || typeof value === "number") return value ?? null;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
