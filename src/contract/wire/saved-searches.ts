/** Saved searches, which Prefect's dashboard keeps. Source of the fields: Prefect's `schemas/core.py`. */
import { z } from "zod";
import { NAME_CHARACTERS_MAX } from "../bounds.ts";
import { Json, Page, Stamps } from "./common.ts";

const text = z.string().max(NAME_CHARACTERS_MAX);
const Filter = z.strictObject({ object: text, property: text, type: text, operation: text, value: Json });

export const SavedSearch = z.object({ ...Stamps, name: z.string(), filters: z.array(Filter) });
export type SavedSearch = z.infer<typeof SavedSearch>;

/** `PUT /saved_searches/` */
export const SavedSearchCreate = z.strictObject({
  name: text.min(1),
  filters: z.array(Filter).max(100).nullish(),
});
export const SavedSearchesFilterBody = z.object(Page);
