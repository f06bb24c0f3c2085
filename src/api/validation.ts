/** Reading requests: zod schemas in, Prefect's 422 shape out when they do not fit (source: wire §2.8). */
import { validator } from "hono-openapi";
import type { ZodType } from "zod";
import { refuse, type ValidationFault } from "../contract/errors.ts";
import { isUuid } from "../contract/ids.ts";
import { ApiError, fail, type ApiContext } from "./context.ts";

/** Reads a JSON body by its schema. An empty body is `{}`: Prefect's filters may come without any. */
export function body<Schema extends ZodType>(schema: Schema) {
  return validator("json", schema, (result) => {
    if (result.success) return;
    throw new ApiError(refuse("invalid", undefined, { faults: toFaults(["body"], result.error) }).error);
  });
}

/** Reads the query by its schema. */
export function query<Schema extends ZodType>(schema: Schema) {
  return validator("query", schema, (result) => {
    if (result.success) return;
    throw new ApiError(refuse("invalid", undefined, { faults: toFaults(["query"], result.error) }).error);
  });
}

interface Issue {
  message: string;
  path?: readonly (PropertyKey | { key: PropertyKey })[] | undefined;
  code?: string;
  input?: unknown;
}

function toFaults(place: string[], issues: readonly Issue[]): ValidationFault[] {
  return issues.map((issue) => ({
    type: issue.code ?? "value_error",
    loc: [
      ...place,
      ...(issue.path ?? []).map((step) => {
        const key = typeof step === "object" ? step.key : step;
        return typeof key === "number" ? key : String(key);
      }),
    ],
    msg: issue.message,
  }));
}

/** Reads a path parameter that must be a UUID; anything else is a route that does not exist (source: wire §2.7). */
export function uuidParam(c: ApiContext, name: string): string {
  const value = c.req.param(name) ?? "";
  return isUuid(value) ? value.toLowerCase() : fail("not_found");
}
