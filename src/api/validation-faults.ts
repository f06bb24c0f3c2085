/** What does not fit a schema, said as Prefect's server says it (source: wire §2.8). */
import type { ValidationFault } from "../contract/errors.ts";

/** One answer names so many faults. */
const FAULTS_MAX = 100;
/** Characters of JSON that are sent back of what was sent. */
const ECHO_CHARACTERS_MAX = 2000;
/** What stands for a value that is not sent back. */
const HIDDEN = "********";
/** Fields of requests whose values may be secrets: an answer ends up in logs, where they have no place. */
const SECRET_FIELDS: ReadonlySet<string> = new Set([
  "value",
  "data",
  "parameters",
  "context",
  "job_variables",
  "run_input",
  "token",
  "password",
  "secret",
  "api_key",
]);

type Path = readonly (PropertyKey | { readonly key: PropertyKey })[];

/** An issue as zod writes it, as far as it is read here. */
export interface Issue {
  message: string;
  path?: Path | undefined;
  code?: string;
  expected?: string;
  origin?: string;
  minimum?: number | bigint;
  maximum?: number | bigint;
  inclusive?: boolean;
  keys?: string[];
  values?: unknown[];
  format?: string;
  /** The issues of each member of a union that did not fit. */
  errors?: Issue[][];
}

/** Names the faults of a request part (`body`, `query`) that was sent as `sent`. */
export function toFaults(place: string, sent: unknown, issues: readonly Issue[]): ValidationFault[] {
  return issues
    .flatMap(openUnion)
    .flatMap((issue) => describeIssue(place, sent, issue))
    .slice(0, FAULTS_MAX);
}

/** What was sent, as far as it may go back: no secrets, and nothing where it is long. */
export function echo(sent: unknown): unknown {
  const shown = hideSecrets(sent);
  const length = JSON.stringify(shown)?.length ?? 0;
  return length <= ECHO_CHARACTERS_MAX ? shown : `(${length} characters)`;
}

/** What fits no member of a union was most likely meant for the one that has the least against it. */
function openUnion(issue: Issue): Issue[] {
  if (issue.code !== "invalid_union") return [issue];
  const weigh = (issues: readonly Issue[]) =>
    issues.reduce((sum, { keys }) => sum + (keys === undefined ? 1 : keys.length), 0);
  const [nearest] = (issue.errors ?? []).toSorted((left, right) => weigh(left) - weigh(right));
  if (nearest === undefined || nearest.length === 0) return [issue];
  return nearest
    .map((inner) => ({ ...inner, path: [...(issue.path ?? []), ...(inner.path ?? [])] }))
    .flatMap(openUnion);
}

function describeIssue(place: string, sent: unknown, issue: Issue): ValidationFault[] {
  const path = (issue.path ?? []).map((step) => {
    const key = typeof step === "object" ? step.key : step;
    return typeof key === "number" ? key : String(key);
  });
  const isSecret = path.some((step) => SECRET_FIELDS.has(String(step)));
  const faultAt = (steps: (string | number)[], fault: Omit<ValidationFault, "loc" | "input">) => {
    const { type, msg, ctx } = fault;
    const value = valueAt(sent, type === "missing" ? steps.slice(0, -1) : steps);
    const last = steps.at(-1);
    const isHidden = isSecret || (typeof last === "string" && SECRET_FIELDS.has(last) && type !== "missing");
    const input = isHidden ? HIDDEN : echo(value);
    return { type, loc: [place, ...steps], msg, input, ...(ctx !== undefined && { ctx }) };
  };
  if (issue.code === "unrecognized_keys")
    return (issue.keys ?? []).map((key) =>
      faultAt([...path, key], { type: "extra_forbidden", msg: "Extra inputs are not permitted" }),
    );
  return [faultAt(path, translate(issue, valueAt(sent, path)))];
}

function valueAt(sent: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, step)
        ? (value as Record<string | number, unknown>)[step]
        : undefined,
    sent,
  );
}

/** How pydantic names a type that was expected, and what it says of a value that is none. */
const TYPES: Record<string, [type: string, msg: string]> = {
  string: ["string_type", "Input should be a valid string"],
  number: ["float_type", "Input should be a valid number"],
  int: ["int_type", "Input should be a valid integer"],
  boolean: ["bool_type", "Input should be a valid boolean"],
  array: ["list_type", "Input should be a valid list"],
  object: ["dict_type", "Input should be a valid dictionary"],
  record: ["dict_type", "Input should be a valid dictionary"],
};

/** A schema that has a sentence of its own keeps it: it says more than the general one. */
function translate(issue: Issue, value: unknown): Omit<ValidationFault, "loc" | "input"> {
  const { code, message } = issue;
  const general = (type: string, msg: string, ctx?: Record<string, unknown>) => ({
    type,
    msg: /^(Invalid input|Invalid option|Too small|Too big)\b/.test(message) ? msg : message,
    ...(ctx !== undefined && { ctx }),
  });
  if (code === "invalid_type") {
    if (value === undefined) return general("missing", "Field required");
    return general(...(TYPES[issue.expected ?? ""] ?? (["value_error", message] as const)));
  }
  if (code === "too_small" || code === "too_big") {
    const isSmall = code === "too_small";
    const bound = Number(isSmall ? issue.minimum : issue.maximum);
    if (issue.origin === "string")
      return isSmall
        ? general("string_too_short", `String should have at least ${bound} characters`, {
            min_length: bound,
          })
        : general("string_too_long", `String should have at most ${bound} characters`, { max_length: bound });
    if (issue.origin === "array")
      return isSmall
        ? general("too_short", `List should have at least ${bound} items`, { min_length: bound })
        : general("too_long", `List should have at most ${bound} items`, { max_length: bound });
    const side = isSmall ? "greater" : "less";
    return issue.inclusive === false
      ? general(`${side}_than`, `Input should be ${side} than ${bound}`, {
          [isSmall ? "gt" : "lt"]: bound,
        })
      : general(`${side}_than_equal`, `Input should be ${side} than or equal to ${bound}`, {
          [isSmall ? "ge" : "le"]: bound,
        });
  }
  if (code === "invalid_format" && issue.format === "regex")
    return { type: "string_pattern_mismatch", msg: message };
  if (code === "invalid_value") {
    const wanted = (issue.values ?? []).map((choice) => `'${String(choice)}'`);
    const expected = [wanted.slice(0, -1).join(", "), ...wanted.slice(-1)].filter(Boolean).join(" or ");
    return general("enum", `Input should be ${expected}`, { expected });
  }
  return { type: "value_error", msg: message };
}

function hideSecrets(sent: unknown): unknown {
  if (Array.isArray(sent)) return sent.map(hideSecrets);
  if (typeof sent !== "object" || sent === null) return sent;
  return Object.fromEntries(
    Object.entries(sent).map(([key, value]) => [
      key,
      SECRET_FIELDS.has(key) && value !== null ? HIDDEN : hideSecrets(value),
    ]),
  );
}
