/** Types of states, known without loading the contract's schemas. */
import type { StateType } from "../../contract/wire/states.ts";

const TYPES: Record<StateType, true> = {
  SCHEDULED: true,
  PENDING: true,
  RUNNING: true,
  COMPLETED: true,
  FAILED: true,
  CANCELLED: true,
  CRASHED: true,
  PAUSED: true,
  CANCELLING: true,
};
export const STATE_TYPE_NAMES = Object.keys(TYPES) as StateType[];
