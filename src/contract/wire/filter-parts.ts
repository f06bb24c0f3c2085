/** What the filters of all resources are made of. Source: wire §4.11. */
import { z } from "zod";
import { Id } from "./common.ts";

/** Items that one list inside a filter may have. */
export const FILTER_ITEMS_MAX = 10_000;
export const operator = z.enum(["and_", "or_"]).nullish();
export const idList = z.array(Id).max(FILTER_ITEMS_MAX).nullish();
export const textList = z.array(z.string()).max(FILTER_ITEMS_MAX).nullish();
export const isNull = z.boolean().nullish();
export const anyId = z.strictObject({ any_: idList }).nullish();
export const nameFilter = z.strictObject({ any_: textList, like_: z.string().nullish() }).nullish();
export const tagFilter = z
  .strictObject({ operator, all_: textList, any_: textList, is_null_: isNull })
  .nullish();
