/** Inputs that are sent to a flow run while it is under way (source: wire §3.12). */
import { z } from "zod";
import { Id } from "./common.ts";

export const RUN_INPUT_CHARACTERS_MAX = 500_000;

export const RunInput = z.object({
  id: Id,
  created: z.string(),
  updated: z.string(),
  flow_run_id: Id,
  key: z.string(),
  value: z.string(),
  sender: z.string().nullable(),
});
export type RunInput = z.infer<typeof RunInput>;

export const RunInputCreate = z.object({
  key: z.string().min(1).max(1000),
  value: z.string().max(RUN_INPUT_CHARACTERS_MAX),
  sender: z.string().max(1000).nullish(),
});
export type RunInputCreate = z.infer<typeof RunInputCreate>;

export const RunInputsFilter = z.object({
  prefix: z.string().max(1000),
  limit: z.int().min(0).max(200).nullish(),
  exclude_keys: z.array(z.string()).max(1000).nullish(),
});
