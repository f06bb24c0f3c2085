/** Types of states, known without loading the contract's schemas. */
import type { StateType } from "../../contract/wire/states.ts";
import { ValueFault } from "../framework/parameters.ts";

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

/** A type of states, in any case. */
export function parseStateType(text: string): StateType {
  const type = STATE_TYPE_NAMES.find((name) => name === text.toUpperCase());
  if (type === undefined) throw new ValueFault(`one of ${STATE_TYPE_NAMES.join(", ")}`);
  return type;
}

/** Names that states have unless somebody gave them others. */
export const STATE_NAMES: readonly string[] = [
  ...STATE_TYPE_NAMES.map((type) => `${type[0] ?? ""}${type.slice(1).toLowerCase()}`),
  "Late",
  "AwaitingRetry",
  "AwaitingConcurrencySlot",
  "Retrying",
  "Suspended",
  "Resuming",
  "TimedOut",
];
