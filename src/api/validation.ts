/** Reading requests: zod schemas in, Prefect's 422 shape out when they do not fit (source: wire §2.8). */
import { validator } from "hono-openapi";
import type { ZodType } from "zod";
import { JSON_DEPTH_MAX } from "../contract/bounds.ts";
import { refuse } from "../contract/errors.ts";
import { isUuid } from "../contract/ids.ts";
import { measureDepth } from "../contract/wire/common.ts";
import { ApiError, fail, type ApiContext } from "./context.ts";
import { echo, toFaults } from "./validation-faults.ts";

/** Path parameters that are UUIDs wherever they stand: judged before the body, which has no route without them. */
const UUID_PARAMS = ["id", "schedule_id", "attempt_id", "session_id", "lease_id"];

/**
 * Reads a JSON body by its schema, whatever its content type says. An empty body and `null` are `{}`: Prefect's
 * filters may come without any.
 */
export function body<Schema extends ZodType>(schema: Schema) {
  const described = validator("json", schema, undefined, { options: { io: "input" } });
  const read: typeof described = async (c, next) => {
    for (const name of UUID_PARAMS) if (c.req.param(name) !== undefined) uuidParam(c, name);
    const sent = parseJson(await c.req.text());
    const result = await schema["~standard"].validate(sent);
    if (result.issues !== undefined) {
      const faults = toFaults("body", sent, result.issues);
      throw new ApiError(refuse("invalid", undefined, { faults, request_body: echo(sent) }).error);
    }
    c.req.addValidatedData("json", result.value as object);
    await next();
  };
  // The description that the OpenAPI file is made from hangs on the middleware itself.
  return Object.assign(read, described);
}

/** Reads a JSON text; one that is malformed or nests too deep ends the request. */
function parseJson(text: string): unknown {
  if (text.trim() === "") return {};
  const fault = (msg: string) =>
    fail("invalid", undefined, { faults: [{ type: "json_invalid", loc: ["body"], msg, input: {} }] });
  if (measureDepth(text) > JSON_DEPTH_MAX) return fault(`JSON may nest ${JSON_DEPTH_MAX} levels deep.`);
  try {
    return (JSON.parse(text) as unknown) ?? {};
  } catch {
    return fault("JSON decode error");
  }
}

/** Reads the query by its schema. */
export function query<Schema extends ZodType>(schema: Schema) {
  return validator("query", schema, (result, c) => {
    if (result.success) return;
    const faults = toFaults("query", c.req.query(), result.error);
    throw new ApiError(refuse("invalid", undefined, { faults }).error);
  });
}

/** Reads a path parameter that must be a UUID; anything else is a route that does not exist (source: wire §2.7). */
export function uuidParam(c: Pick<ApiContext, "req">, name: string): string {
  const value = c.req.param(name) ?? "";
  return isUuid(value) ? value.toLowerCase() : fail("not_found");
}
