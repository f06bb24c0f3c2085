/** What its states have made of a run: the fields that flow runs and task runs have in common. Source: wire §3.13. */
import { z } from "zod";
import { Id, InstantOut } from "./common.ts";
import { State, StateType } from "./states.ts";

export const RunProgress = {
  state_id: Id.nullable(),
  state_type: StateType.nullable(),
  state_name: z.string().nullable(),
  run_count: z.int(),
  expected_start_time: InstantOut.nullable(),
  next_scheduled_start_time: InstantOut.nullable(),
  start_time: InstantOut.nullable(),
  end_time: InstantOut.nullable(),
  /** Seconds in RUNNING, without the stretch that still goes on. */
  total_run_time: z.number(),
  /** Seconds in RUNNING up to the moment of the answer. */
  estimated_run_time: z.number(),
  /** Seconds by which the start is, or was, later than expected. */
  estimated_start_time_delta: z.number(),
  state: State.nullable(),
};
export type RunProgress = { [Field in keyof typeof RunProgress]: z.infer<(typeof RunProgress)[Field]> };

/** A run before its first state. */
export const NO_PROGRESS: RunProgress = {
  state_id: null,
  state_type: null,
  state_name: null,
  run_count: 0,
  expected_start_time: null,
  next_scheduled_start_time: null,
  start_time: null,
  end_time: null,
  total_run_time: 0,
  estimated_run_time: 0,
  estimated_start_time_delta: 0,
  state: null,
};
