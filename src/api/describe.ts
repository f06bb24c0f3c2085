/** Describing the routes of one resource in a line each. */
import type { ZodType } from "zod";
import { describe } from "./documents.ts";

/** Makes the describing middleware of one resource's routes. */
export function describeResource(tag: string) {
  return (summary: string, status: number, schema?: ZodType) =>
    describe({ summary, tag, answers: { [status]: schema ?? null } });
}
