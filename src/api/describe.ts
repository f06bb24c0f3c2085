/** What routes say about themselves in the generated OpenAPI file. */
import { describeRoute, resolver } from "hono-openapi";
import type { ZodType } from "zod";

/** Makes the describing middleware of one resource's routes. */
export function describeResource(tag: string) {
  return (summary: string, status: number, schema?: ZodType) =>
    describeRoute({
      summary,
      tags: [tag],
      responses: {
        [status]: {
          description: summary,
          ...(schema !== undefined && { content: { "application/json": { schema: resolver(schema) } } }),
        },
      },
    });
}
