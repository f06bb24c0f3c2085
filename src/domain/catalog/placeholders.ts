/**
 * Values that say how they are meant, as in `{"__prefect_kind": "json", "value": "[1]"}`: Prefect's forms and clients
 * send them among parameters (source: Prefect's `utilities/schema_tools/hydration.py`).
 */
import { JSON_DEPTH_MAX } from "../../contract/bounds.ts";
import { measureDepth, type JsonObject, type JsonValue } from "../../contract/wire/common.ts";

const KIND = "__prefect_kind";
/** What makes a text a template. */
const JINJA = /\{[{%#]/;

/** A value that could not be had; `null` stands in its place. */
export interface PlaceholderFault {
  path: readonly (string | number)[];
  /** Undefined where it is a template, which nobody renders here. */
  reason?: string;
}

export interface Hydrated {
  /** Undefined where nothing is left. */
  value: JsonValue | undefined;
  faults: PlaceholderFault[];
}

/** Puts what is meant in the place of such values, as often as they stand inside one another. */
export function hydrate(values: JsonValue, readVariable: (name: string) => JsonValue | undefined): Hydrated {
  const faults: PlaceholderFault[] = [];

  const visit = (value: JsonValue, path: readonly (string | number)[]): JsonValue | undefined => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) {
      const items: JsonValue[] = [];
      for (const item of value) {
        const read = visit(item, [...path, items.length]);
        if (read !== undefined) items.push(read);
      }
      return items;
    }
    if (Object.hasOwn(value, KIND)) return resolve(value, path);
    const entries = Object.entries(value).map(([key, item]) => [key, visit(item, [...path, key])] as const);
    return Object.fromEntries(entries.filter((entry) => entry[1] !== undefined)) as JsonObject;
  };

  const resolve = (meant: JsonObject, path: readonly (string | number)[]): JsonValue | undefined => {
    const refuse = (reason: string) => {
      faults.push({ path, reason });
      return null;
    };
    const known = faults.length;
    /** A part that may itself be such a value; undefined where it is not there. */
    const read = (key: string) => {
      const part = Object.hasOwn(meant, key) ? meant[key] : undefined;
      const isMeant = typeof part === "object" && part !== null && !Array.isArray(part);
      return isMeant ? visit(part, path) : part;
    };
    switch (meant[KIND]) {
      case "none": {
        const { value } = meant;
        return value === undefined ? refuse("Missing 'value' key in __prefect object") : visit(value, path);
      }
      case "json": {
        const text = read("value");
        if (typeof text !== "string") return text;
        const parsed = parse(text);
        return parsed === undefined ? refuse("Invalid JSON") : parsed;
      }
      case "jinja": {
        const template = read("template");
        if (template === undefined) return refuse("Missing 'template' key in __prefect object");
        if (typeof template === "string" && JINJA.test(template)) faults.push({ path });
        return faults.length > known ? null : template;
      }
      case "workspace_variable": {
        const name = read("variable_name");
        if (name === undefined || faults.length > known) return name;
        const found = typeof name === "string" ? readVariable(name) : undefined;
        return found === undefined
          ? refuse(
              `Variable '${typeof name === "string" ? name : JSON.stringify(name)}' not found in workspace.`,
            )
          : found;
      }
      default:
        return meant["value"] ?? null;
    }
  };

  return { value: visit(values, []), faults };
}

/** Undefined where the text is no JSON, or nests deeper than a request may. */
function parse(text: string): JsonValue | undefined {
  if (measureDepth(text) > JSON_DEPTH_MAX) return undefined;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
