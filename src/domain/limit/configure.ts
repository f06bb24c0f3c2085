/** Creating and changing a limit: what is allowed, and what the row becomes. */
import { refuse, accept, type Result } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { LimitCreate, LimitUpdate } from "../../contract/wire/limits.ts";
import { decayedLevel, doesDecay } from "./decay.ts";
import type { LimitConfig } from "./types.ts";

const AVG_OCCUPANCY_SECONDS = 2;

/** The row of a new limit. One that existed before and was deleted passes on its incarnation. */
export function createConfig(
  command: LimitCreate,
  id: string,
  now: number,
  before: LimitConfig | undefined,
): Result<LimitConfig> {
  return checkNames({
    id,
    name: command.name,
    limit: command.limit,
    active: command.active ?? true,
    slot_decay_per_second: command.slot_decay_per_second ?? 0,
    denied_slots: command.denied_slots ?? 0,
    avg_slot_occupancy_seconds: command.avg_slot_occupancy_seconds ?? AVG_OCCUPANCY_SECONDS,
    slot_names: uniqueNames(command.slot_names),
    bypass_max: command.bypass_max ?? 0,
    level: 0,
    level_at: now,
    incarnation: (before?.incarnation ?? 0) + 1,
    created: formatInstant(now),
    updated: formatInstant(now),
    deleted_at: null,
  });
}

/** The row after a change; what the change leaves out stays. */
export function changeConfig(config: LimitConfig, update: LimitUpdate, now: number): Result<LimitConfig> {
  if (update.name !== undefined && update.name !== null && update.name !== config.name)
    return refuse("invalid", undefined, {
      faults: [{ type: "value_error", loc: ["body", "name"], msg: "A limit cannot be renamed." }],
    });
  const slot_decay_per_second = update.slot_decay_per_second ?? config.slot_decay_per_second;
  return checkNames({
    ...config,
    limit: update.limit ?? config.limit,
    active: update.active ?? config.active,
    slot_decay_per_second,
    // What has decayed by now has done so at the rate of before. Leases from before a limit began to decay are counted beside
    // its level until they end.
    level: doesDecay(config) ? decayedLevel(config, now) : 0,
    level_at: now,
    denied_slots: update.denied_slots ?? config.denied_slots,
    slot_names: update.slot_names === undefined ? config.slot_names : uniqueNames(update.slot_names),
    bypass_max: update.bypass_max ?? config.bypass_max,
    updated: formatInstant(now),
  });
}

function uniqueNames(names: string[] | null | undefined): string[] | null {
  return names === null || names === undefined ? null : [...new Set(names)];
}

function checkNames(config: LimitConfig): Result<LimitConfig> {
  if (config.slot_names === null) return accept(config);
  const fault =
    config.slot_names.length < config.limit
      ? `A limit of ${config.limit} slots needs as many slot names; ${config.slot_names.length} were given.`
      : config.slot_decay_per_second > 0
        ? "Slots that decay cannot have names."
        : undefined;
  return fault === undefined
    ? accept(config)
    : refuse("invalid", undefined, {
        faults: [{ type: "value_error", loc: ["body", "slot_names"], msg: fault }],
      });
}
