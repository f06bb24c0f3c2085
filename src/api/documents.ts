/** How operations are described, so that the OpenAPI file follows from the routes. */
import { describeRoute, resolver } from "hono-openapi";
import { z, type ZodType } from "zod";
import { Json } from "../contract/wire/common.ts";
import { ERRORS, type ErrorCode } from "../contract/errors.ts";

/** The body of a refusal. */
const ErrorAnswer = z
  .looseObject({ detail: Json.optional(), exception_message: z.string().optional() })
  .meta({ id: "Error" });
/** The body of a refusal that names fields. */
const ValidationErrorAnswer = z
  .looseObject({
    exception_message: z.string().optional(),
    exception_detail: z
      .array(
        z.looseObject({
          type: z.string(),
          loc: z.array(z.union([z.string(), z.int()])),
          msg: z.string(),
        }),
      )
      .optional(),
    detail: Json,
  })
  .meta({ id: "ValidationError" });

interface Description {
  /** What the operation does, as a short sentence. */
  summary: string;
  tag: string;
  description?: string;
  /** Status -> schema of the answer; null for one without a body. */
  answers: Record<number, ZodType | null>;
  /** The refusals beyond those that every operation may answer. */
  refuses?: ErrorCode[];
  /** Media type of the answers, JSON where it is left out. */
  media?: string;
  /** Whether the operation is open to callers without a key. */
  is_open?: boolean;
}

/** Describes an operation; every operation that needs a key may also be refused for want of one, and every one with 400, 422 and 503. */
export function describe({
  summary,
  tag,
  description,
  answers,
  refuses = [],
  media = "application/json",
  is_open = false,
}: Description) {
  const codes = new Set<ErrorCode>([...refuses, "bad_request", "invalid", "unavailable"]);
  if (!is_open) codes.add("unauthorized");
  const responses: NonNullable<Parameters<typeof describeRoute>[0]["responses"]> = {};
  for (const [status, schema] of Object.entries(answers))
    responses[status] = {
      description: "Done.",
      ...(schema !== null && { content: { [media]: { schema: resolver(schema) } } }),
    };
  for (const code of codes) {
    const { status, detail } = ERRORS[code];
    const schema = code === "invalid" ? ValidationErrorAnswer : ErrorAnswer;
    responses[status] ??= {
      description: detail,
      content: { "application/json": { schema: resolver(schema) } },
    };
  }
  return describeRoute({
    summary,
    tags: [tag],
    ...(description !== undefined && { description }),
    responses,
    ...(is_open && { security: [] }),
  });
}
