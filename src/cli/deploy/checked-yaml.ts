/** Values of a YAML file as they should be: whatever else stands there is a fault with its line. */
import { isMap, type Document, type LineCounter } from "yaml";
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";
import { ValueFault } from "../framework/parameters.ts";
import { findNearest } from "../framework/suggest.ts";
import { parseName, parseSeconds } from "../framework/values.ts";

/** Names and indexes that lead to a value from the top of the file. */
export type Path = readonly (string | number)[];

/** Reads values one by one; each method gives undefined for what is missing or, after noting a fault, wrong. */
export class CheckedYaml {
  readonly faults: string[] = [];
  readonly fileName: string;
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(document: Document, lines: LineCounter, fileName: string) {
    this.#document = document;
    this.#lines = lines;
    this.fileName = fileName;
  }

  /** A stretch of time above 0, in seconds. */
  seconds(value: JsonValue | undefined, path: Path): number | undefined {
    try {
      const seconds = typeof value === "string" ? parseSeconds(value) : Number(value);
      if (seconds > 0) return seconds;
    } catch (error) {
      if (!(error instanceof ValueFault)) throw error;
    }
    this.fault(path, "interval must be a number of seconds above 0, or a text like 15m");
    return undefined;
  }

  /** A list of texts, or one. */
  tags(value: unknown, path: Path): string[] {
    if (value === undefined || value === null) return [];
    if (typeof value === "string") return [value];
    if (Array.isArray(value) && value.every((tag) => typeof tag === "string" || typeof tag === "number"))
      return value.map(String);
    this.fault(path, "tags must be a list of texts");
    return [];
  }

  /** A map of names and values. */
  object(value: unknown, path: Path, what: string): JsonObject | undefined {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
    this.fault(path, `${what} must be a map of names and values`);
    return undefined;
  }

  /** A text; numbers and dates are read as texts. */
  text(value: unknown, path: Path, what: string): string | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string" || typeof value === "number") return String(value);
    if (value instanceof Date) return value.toISOString();
    this.fault(path, `${what} must be a text`);
    return undefined;
  }

  /** A name as the server takes it. */
  name(value: unknown, path: Path, what: string): string | undefined {
    const text = this.text(value, path, what);
    // What is filled in from variables is checked when it is known.
    if (text === undefined || text.includes("{{")) return text;
    try {
      return parseName(text);
    } catch (error) {
      this.fault(path, `${what} must be ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  /** True or false. */
  flag(value: unknown, path: Path, what: string): boolean | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "boolean") return value;
    this.fault(path, `${what} must be true or false`);
    return undefined;
  }

  /** A whole number, 0 or more. */
  count(value: unknown, path: Path, what: string): number | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
    this.fault(path, `${what} must be a whole number, 0 or more`);
    return undefined;
  }

  /** A name that is nearly one of the known ones is a slip; others may be for other tools. */
  checkKeys(entry: JsonObject, path: Path, known: readonly string[]): void {
    for (const key of Object.keys(entry)) {
      if (known.includes(key)) continue;
      const nearest = findNearest(key.replaceAll("-", "_"), known);
      if (nearest !== undefined)
        this.fault([...path, key], `there is no \`${key}\`; did you mean \`${nearest}\`?`);
    }
  }

  /** Notes what is wrong at a place. */
  fault(path: Path, message: string): void {
    this.faults.push(`${this.fileName}:${this.line(path)}: ${message}${/[.?]$/.test(message) ? "" : "."}`);
  }

  /** Line of a place, or of the nearest thing around it that the text itself holds (aliases and merges are elsewhere). */
  line(path: Path): number {
    for (let length = path.length; length >= 0; length -= 1) {
      const key = path[length - 1];
      const parent = length === 0 ? undefined : this.#document.getIn(path.slice(0, length - 1), true);
      const pair = isMap(parent) ? parent.items.find((item) => String(item.key) === key) : undefined;
      const node = pair?.key ?? this.#document.getIn(path.slice(0, length), true);
      const range = (node as { range?: [number, number, number] | null } | undefined)?.range;
      if (range !== undefined && range !== null) return this.#lines.linePos(range[0]).line;
    }
    return 1;
  }
}
