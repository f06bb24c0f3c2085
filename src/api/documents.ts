/** How operations are described, so that the OpenAPI file follows from the routes. */
import { describeRoute, resolver } from "hono-openapi";
import { z, type ZodType } from "zod";
import { ERRORS, type ErrorCode } from "../contract/errors.ts";
import { Json } from "../contract/wire/common.ts";
import { BlockDocument, BlockSchema, BlockType } from "../contract/wire/blocks.ts";
import { Deployment, Flow } from "../contract/wire/deployments.ts";
import { FlowRun } from "../contract/wire/flow-runs.ts";
import { Grant, LeaseRecord, Limit, TagLimit, WaiterRecord, Waiting } from "../contract/wire/limits.ts";
import { Log, Variable } from "../contract/wire/logs.ts";
import { OrchestrationResult, State } from "../contract/wire/states.ts";
import { Worker, WorkPool, WorkQueue } from "../contract/wire/work-pools.ts";

/** Records that many operations answer: the OpenAPI file has each of them once. */
const NAMED: Record<string, ZodType> = {
  BlockDocument,
  BlockSchema,
  BlockType,
  Deployment,
  Flow,
  FlowRun,
  Grant,
  LeaseRecord,
  Limit,
  Log,
  OrchestrationResult,
  State,
  TagLimit,
  Variable,
  WaiterRecord,
  Waiting,
  Worker,
  WorkPool,
  WorkQueue,
};
for (const [id, schema] of Object.entries(NAMED)) z.globalRegistry.add(schema, { id });

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
    request_body: Json.optional(),
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

type Responses = NonNullable<NonNullable<Parameters<typeof describeRoute>[0]>["responses"]>;

function describeRefusals(codes: Iterable<ErrorCode>): Responses {
  const responses: Responses = {};
  for (const code of codes) {
    const { status, detail } = ERRORS[code];
    const schema = code === "invalid" ? ValidationErrorAnswer : ErrorAnswer;
    responses[status] ??= {
      description: detail,
      content: { "application/json": { schema: resolver(schema) } },
    };
  }
  return responses;
}

/** What every operation may answer besides what it says itself. */
const COMMON_REFUSALS = [
  "bad_request",
  "unauthorized",
  "not_found",
  "body_too_large",
  "invalid",
  "unavailable",
] as const;
/** Describes an operation; what all of them may refuse is added to it. */
export function describe({
  summary,
  tag,
  description,
  answers,
  refuses = [],
  media = "application/json",
  is_open = false,
}: Description) {
  const responses = describeRefusals([...COMMON_REFUSALS, ...refuses]);
  for (const [status, schema] of Object.entries(answers))
    responses[status] = {
      description: "Done.",
      ...(schema !== null && { content: { [media]: { schema: resolver(schema) } } }),
    };
  return describeRoute({
    summary,
    tags: [tag],
    ...(description !== undefined && { description }),
    responses,
    ...(is_open && { security: [] }),
  });
}
