/** Options as plain JavaScript may give them: what the types forbid is refused here, before anything is sent. */

/** Says whether a value will do, and in words what would. */
export interface Want {
  words: string;
  allows(value: unknown): boolean;
}

/** A whole number of slots, at least one. */
export const isCount: Want = {
  words: "a whole number from 1",
  allows: (value) => Number.isInteger(value) && Number(value) >= 1,
};
export const isFlag: Want = { words: "true or false", allows: (value) => typeof value === "boolean" };
export const isText: Want = { words: "a text", allows: (value) => typeof value === "string" };
export const isFunction: Want = { words: "a function", allows: (value) => typeof value === "function" };
export const isObject: Want = {
  words: "an object",
  allows: (value) => typeof value === "object" && value !== null,
};

export const isSignal: Want = {
  words: "an AbortSignal",
  allows: (value) => value instanceof AbortSignal,
};

/** A number, `least` or more. */
export function isNumber(least = -Infinity): Want {
  return {
    words: least === -Infinity ? "a number" : `a number from ${least}`,
    allows: (value) => Number.isFinite(value) && Number(value) >= least,
  };
}

/** Throws a TypeError that names the first option which `caller` does not have, or whose value will not do. */
export function checkOptions(caller: string, options: unknown, wants: Readonly<Record<string, Want>>): void {
  if (!isObject.allows(options)) throw new TypeError(`${caller}() wants its options as an object.`);
  for (const [name, value] of Object.entries(options as object)) {
    const want = Object.hasOwn(wants, name) ? wants[name] : undefined;
    if (want === undefined)
      throw new TypeError(`${caller}() has no option ${name}; it has ${Object.keys(wants).join(", ")}.`);
    if (value !== undefined && !want.allows(value))
      throw new TypeError(`The option ${name} of ${caller}() wants ${want.words}, not ${describe(value)}.`);
  }
}

/** A text in quotes, so that "1" is told from 1. */
function describe(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
