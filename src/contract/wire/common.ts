/** Pieces of the wire records that several resources share. Records are stored and typed in the form in which they travel. */
import { z } from "zod";
import { NAME_CHARACTERS_MAX, OFFSET_MAX, PAGE_MAX, TAGS_MAX } from "../bounds.ts";
import { parseInstant, type Instant } from "../instants.ts";

/** Any JSON value. */
export const Json: z.ZodType<JsonValue> = z.json().meta({ id: "Json" });
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };
export const JsonObject = z.record(z.string(), Json);

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
  .regex(/^[^/%&><]+$/, "Name must not contain any of the characters /, %, &, >, <.");
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

function isBlank(filter: unknown, depth = 0): boolean {
  if (filter === null || filter === undefined) return true;
  if (typeof filter !== "object" || Array.isArray(filter) || depth === FILTER_DEPTH_MAX) return false;
  return Object.entries(filter).every(([key, value]) => key === "operator" || isBlank(value, depth + 1));
}

/** A filter that is not answered here: only one without any condition is let in, as clients send all their fields. */
export function blankFilter(refusal: string) {
  return z
    .record(z.string(), z.unknown())
    .nullable()
    .refine((filter) => isBlank(filter), { error: refusal });
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
