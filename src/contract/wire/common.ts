/** Pieces of the wire records that several resources share. Records are stored and typed in the form in which they travel. */
import { z } from "zod";
import {
  NAME_CHARACTERS_MAX,
  OFFSET_MAX,
  PAGE_MAX,
  PARAMETERS_BYTES_MAX,
  RUN_VALUES_BYTES_MAX,
  TAGS_MAX,
} from "../bounds.ts";
import { parseInstant, type Instant } from "../instants.ts";

/** Any JSON value. */
export const Json: z.ZodType<JsonValue> = z.json().meta({ id: "Json" });
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };
export const JsonObject = z.record(z.string(), Json);

/** The bytes of a value as JSON. */
export function measureJson(value: unknown): number {
  const text = JSON.stringify(value) ?? "";
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) bytes += unit > 0x7_ff && (unit < 0xd8_00 || unit > 0xdf_ff) ? 2 : 1;
  }
  return bytes;
}

/** The deepest nesting of arrays and objects in a JSON text. */
export function measureDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isString = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (isString) {
      if (code === 0x5c) index += 1;
      else if (code === 0x22) isString = false;
    } else if (code === 0x22) isString = true;
    else if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, (depth += 1));
    else if (code === 0x5d || code === 0x7d) depth -= 1;
  }
  return deepest;
}

/** A schema for JSON of so many bytes at most; `what` begins the sentence that refuses more. */
export function boundJson<Schema extends z.ZodType>(schema: Schema, what: string, bytesMax: number): Schema {
  return schema.refine((value) => measureJson(value) <= bytesMax, {
    error: `${what} may have at most ${bytesMax} bytes.`,
  });
}

/** Parameters of runs, deployments and schedules. */
export const Parameters = boundJson(JsonObject, "Parameters", PARAMETERS_BYTES_MAX);
/** What a run's infrastructure is made from. */
export const JobVariables = boundJson(JsonObject, "Job variables", RUN_VALUES_BYTES_MAX);

/** An instant as the API writes it. */
export const InstantOut = z.iso
  .datetime()
  .meta({ id: "Instant", description: "RFC 3339 in UTC with microseconds." });

/** An instant in every form that clients send; becomes the one form of ours. */
export const InstantIn = z.union([z.string(), z.number()]).transform((input, context): Instant => {
  const instant = parseInstant(input);
  if (instant !== undefined) return instant;
  context.addIssue({ code: "custom", message: "Input should be a valid datetime", input });
  return z.NEVER;
});

export const Id = z.uuid();
/** Names may not contain `/ % & > <` (source: Prefect's `BANNED_CHARACTERS`). */
export const Name = z
  .string()
  .min(1)
  .max(NAME_CHARACTERS_MAX)
  .regex(/^[^/%&><]+$/, "Name must not contain any of the characters /, %, &, >, <.")
  // No path of a URL can name these: half a character of UTF-16, a folder and the one above it.
  .regex(/^(?!\.{1,2}$)\P{Surrogate}+$/u, "Name must be whole characters, and neither . nor ..")
  // A line break or an escape sequence in a name would forge lines of logs and tables.
  .regex(/^\P{Cc}+$/u, "Name must not contain control characters.");
export const Tags = z.array(z.string().max(NAME_CHARACTERS_MAX)).max(TAGS_MAX);
export const Labels = z.record(z.string(), z.union([z.boolean(), z.number(), z.string()]));
export type Labels = z.infer<typeof Labels>;

/** When a record was made and last changed. */
export const Stamps = { id: Id, created: InstantOut, updated: InstantOut };

/** Who made a record. */
export const CreatedBy = z.object({
  id: Id.nullish(),
  type: z.string().nullish(),
  display_value: z.string().nullish(),
});
export type CreatedBy = z.infer<typeof CreatedBy>;

/** A filter holds conditions, which hold lists: nothing is nested deeper. */
const FILTER_DEPTH_MAX = 3;

/** Tells whether a filter says nothing: clients send all their fields. */
export function isBlank(filter: unknown, depth = 0): boolean {
  if (filter === null || filter === undefined) return true;
  if (typeof filter !== "object" || Array.isArray(filter) || depth === FILTER_DEPTH_MAX) return false;
  return Object.entries(filter).every(([key, value]) => key === "operator" || isBlank(value, depth + 1));
}

/** `limit` and `offset` of a list; a null means the default, as everywhere in bodies of several fields. */
export const Page = {
  limit: z
    .int()
    .min(0)
    .max(PAGE_MAX, `Invalid limit: must be less than or equal to ${PAGE_MAX}.`)
    .nullish()
    .transform((limit) => limit ?? PAGE_MAX),
  offset: z
    .int()
    .min(0)
    .max(OFFSET_MAX)
    .nullish()
    .transform((offset) => offset ?? 0),
};

/** `limit` and `page` of a list that goes by numbered pages, counted from 1. */
export const NumberedPage = {
  limit: Page.limit,
  page: z
    .int()
    .min(1)
    .max(10_000)
    .nullish()
    .transform((page) => page ?? 1),
};
export type NumberedPage = { limit: number; page: number };
