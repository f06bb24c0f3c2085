/**
 * Bounds what a check against a schema can cost. Schemas come from users, and the checker takes them as they are: a
 * pattern like `(a+)+$`, references that fan out, or `uniqueItems` on a long list would keep it busy for ever.
 */
import type { JsonObject, JsonValue } from "../../contract/wire/common.ts";

/** Schemas that one check may look into, each as often as it is reached. */
const VISITS_MAX = 20_000;
/** Items are compared each with each. */
const UNIQUE_ITEMS_MAX = 1000;
/** What one pattern may cost in steps. */
const PATTERN_STEPS_MAX = 1e8;
/** Each step of this that a nested repetition may take doubles the cost. */
const NESTED_CHARACTERS_MAX = 24;
/** In these a schema that says less does not merely let more through. */
const TURNING: ReadonlySet<string> = new Set(["not", "oneOf", "if", "contains"]);

/** The check would cost too much: nothing is known of the value. */
export class TooCostlyError extends Error {}

/**
 * The schema for checking one value, once. Patterns and `uniqueItems` that could cost too much with this value are left
 * out; where that could make a good value a bad one, and when the whole costs too much, reading it throws a
 * {@link TooCostlyError}.
 */
export function boundSchema(schema: JsonObject, value: JsonValue): JsonObject {
  const longest = measure(value);
  const isTooCostly = (keyword: string, said: unknown): boolean => {
    if (keyword === "pattern") return typeof said === "string" && isCostlyPattern(said, longest.text);
    if (keyword === "uniqueItems") return said === true && longest.list > UNIQUE_ITEMS_MAX;
    return (
      keyword === "patternProperties" &&
      typeof said === "object" &&
      said !== null &&
      Object.keys(said).some((pattern) => isCostlyPattern(pattern, longest.text))
    );
  };
  let visits = 0;
  const wrapped = new WeakMap<object, object>();
  const wrap = <Part extends object>(part: Part, isTurned: boolean): Part => {
    const before = wrapped.get(part);
    if (before !== undefined) return before as Part;
    const proxy = new Proxy(part, {
      get(target, keyword: string) {
        // The checker reads it once from each schema that it looks into.
        if (keyword === "$ref" && (visits += 1) > VISITS_MAX) throw new TooCostlyError();
        const said: unknown = Reflect.get(target, keyword);
        if (isTooCostly(keyword, said)) {
          if (isTurned) throw new TooCostlyError();
          return undefined;
        }
        return typeof said === "object" && said !== null
          ? wrap(said, isTurned || TURNING.has(keyword))
          : said;
      },
    });
    wrapped.set(part, proxy);
    return proxy;
  };
  return wrap(schema, false);
}

/** The characters of the longest text or name, and the items of the longest list, anywhere in a value. */
function measure(value: JsonValue): { text: number; list: number } {
  if (typeof value === "string") return { text: value.length, list: 0 };
  if (typeof value !== "object" || value === null) return { text: 0, list: 0 };
  const longest = { text: 0, list: Array.isArray(value) ? value.length : 0 };
  for (const [name, item] of Object.entries(value)) {
    const inner = measure(item);
    longest.text = Math.max(longest.text, inner.text, name.length);
    longest.list = Math.max(longest.list, inner.list);
  }
  return longest;
}

/** Whether a pattern could take too long for texts of this length: by its form, so some are judged too hard. */
function isCostlyPattern(pattern: string, length: number): boolean {
  // What stands in brackets or behind a backslash repeats nothing.
  const form = pattern.replace(/\\./gs, "_").replace(/\[[^\]]*\]/g, "_");
  const repetitions = form.match(/[*+]|\{\d+(?:,\d*)?\}/g)?.length ?? 0;
  const isNested = /\)(?:[*+]|\{)/.test(form) && (repetitions > 1 || form.includes("|"));
  if (isNested) return length > NESTED_CHARACTERS_MAX;
  const isAnchored = form.startsWith("^") && !form.includes("|");
  return length ** (isAnchored ? repetitions : repetitions + 1) > PATTERN_STEPS_MAX;
}
