/** Global concurrency limits: Prefect's records (source: wire §3.1, §3.10, §4.6) and what we say beyond them. */
import { z } from "zod";
import {
  HISTORY_LEASES_MAX,
  HISTORY_SECONDS,
  LEASE_SECONDS_LEAST,
  LEASE_SECONDS_MAX,
  LEASE_SECONDS_MIN,
  LIMIT_CALLS_MAX,
  LIMIT_NAMES_MAX,
  NAMED_SLOTS_MAX,
  OFFSET_MAX,
  PAGE_MAX,
  SLOTS_MAX,
} from "../bounds.ts";
import type { Result } from "../errors.ts";
import { Id, InstantOut, Name, Stamps } from "./common.ts";
import { nameFilter } from "./filter-parts.ts";

const slotCount = z.int().min(0).max(SLOTS_MAX);

export const Limit = z.object({
  ...Stamps,
  active: z.boolean(),
  name: z.string(),
  limit: z.int(),
  /** The sum over live leases, or the decayed level of a limit that decays. Counted, never stored. */
  active_slots: z.int(),
  denied_slots: z.int(),
  slot_decay_per_second: z.number(),
  avg_slot_occupancy_seconds: z.number(),
  /** Ours: the named slots of the limit, null when its slots have no names. */
  slot_names: z.array(z.string()).nullable(),
  /**
   * Ours: how many later waiters may pass an earlier one that is too large for what is free. Only the first 256 in line
   * can: behind these everybody waits in order.
   */
  bypass_max: z.int(),
  waiting: z.int(),
});
export type Limit = z.infer<typeof Limit>;

export const LimitCreate = z.strictObject({
  name: Name,
  limit: slotCount,
  active: z.boolean().nullish(),
  active_slots: slotCount.nullish(),
  denied_slots: slotCount.nullish(),
  slot_decay_per_second: z.number().min(0).nullish(),
  avg_slot_occupancy_seconds: z.number().min(0).nullish(),
  slot_names: z.array(Name).min(1).max(NAMED_SLOTS_MAX).nullish(),
  bypass_max: z.int().min(0).max(1000).nullish(),
});
export type LimitCreate = z.infer<typeof LimitCreate>;

export const LimitUpdate = z.strictObject({
  name: Name.nullish(),
  limit: slotCount.nullish(),
  active: z.boolean().nullish(),
  active_slots: slotCount.nullish(),
  denied_slots: slotCount.nullish(),
  slot_decay_per_second: z.number().min(0).nullish(),
  slot_names: z.array(Name).min(1).max(NAMED_SLOTS_MAX).nullish(),
  bypass_max: z.int().min(0).max(1000).nullish(),
});
export type LimitUpdate = z.infer<typeof LimitUpdate>;

/** Who holds or waits, as far as it is known. */
export const Holder = z.object({ type: z.enum(["flow_run", "task_run", "deployment"]), id: Id });
export type Holder = z.infer<typeof Holder>;

/** The run on whose behalf a call is made, from the header that the agent gives its children. */
export const RunIdentity = z.object({ flow_run_id: Id, attempt_id: Id, fence: z.int() });
export type RunIdentity = z.infer<typeof RunIdentity>;

export const AcquireMode = z.enum(["concurrency", "rate_limit"]);

/** The limits that a call is about, by name. */
export const LimitNames = z.array(z.string().min(1).max(255)).min(1).max(LIMIT_NAMES_MAX);

/** Prefect's `increment-with-lease`. */
export const IncrementWithLease = z.object({
  names: LimitNames,
  slots: z.int().min(1).max(SLOTS_MAX),
  mode: AcquireMode.nullish().transform((mode) => mode ?? "concurrency"),
  lease_duration: z.number().min(LEASE_SECONDS_MIN).max(LEASE_SECONDS_MAX).nullish(),
  holder: Holder.nullish(),
});

const PRIORITY_MAX = 1000;
/** Lower numbers go first. */
const Priority = z.int().min(-PRIORITY_MAX).max(PRIORITY_MAX);

/** Our acquire: `POST /v2/concurrency_limits/acquire`. */
export const Acquire = z.strictObject({
  names: LimitNames,
  /** The same id is the same request: its place and its grant are those of its first asking, whatever later ones say. */
  request_id: z.string().min(1).max(255),
  slots: z.int().min(1).max(SLOTS_MAX).default(1),
  mode: AcquireMode.default("concurrency"),
  lease_seconds: z.number().min(LEASE_SECONDS_LEAST).max(LEASE_SECONDS_MAX).optional(),
  /** How long this request may be held; longer waits repeat the request. */
  wait_seconds: z.number().min(0).max(25).default(0),
  priority: Priority.default(0),
  holder: Holder.nullish(),
  /** Free text for people: who is this? */
  note: z.string().max(255).nullish(),
});
export type Acquire = z.infer<typeof Acquire>;

/** `POST /v2/concurrency_limits/withdraw`: leaves the line, 204 also when nobody stands there under that request id. */
export const Withdraw = z.strictObject({
  names: LimitNames,
  request_id: z.string().min(1).max(255),
});
export type Withdraw = z.infer<typeof Withdraw>;

export const GrantedLimit = z.object({
  id: Id,
  name: z.string(),
  limit: z.int(),
  fence: z.int().nullable(),
  slot_names: z.array(z.string()).nullable(),
});
export type GrantedLimit = z.infer<typeof GrantedLimit>;

/** The answer to an acquire that was granted. */
export const Grant = z.object({
  status: z.literal("granted"),
  lease_id: Id,
  limits: z.array(GrantedLimit),
  /** The fence of the home limit; rises with every grant. */
  fence: z.int().nullable(),
  /** Seconds from now; count from the moment the request was sent. */
  expires_in_seconds: z.number(),
});
export type Grant = z.infer<typeof Grant>;

/** `GET /v2/concurrency_limits/{name}/calls`: one call of a frame. Its answer has the same id, which is the caller's own. */
export const AcquireCall = z.strictObject({ id: z.int(), acquire: Acquire });
export const ReleaseCall = z.strictObject({ id: z.int(), release: z.strictObject({ lease_id: z.uuid() }) });
/** A frame from a caller. Each call is read by itself, so that a faulty one is refused alone. */
export const LimitCalls = z.strictObject({
  calls: z
    .array(z.looseObject({ id: z.int() }))
    .min(1)
    .max(LIMIT_CALLS_MAX),
});
export type LimitCalls = z.infer<typeof LimitCalls>;
/** The frame that answers it. */
export interface LimitAnswers {
  answers: ({ id: number } & Result<unknown>)[];
}

/** What a limit says of a lease that an event names: the limit's own id, and whether the lease is now that run's. */
export interface TiedLease {
  limit_id: string;
  is_tied: boolean;
}

/** Why an acquire waits. */
export const WaitReason = z.enum(["full", "behind_others", "disabled", "offered", "other_limit"]);
export type WaitReason = z.infer<typeof WaitReason>;

/** Where in line a waiter goes: behind the others of a priority, or before all. */
export const WaiterMove = z.union([
  z.strictObject({ priority: Priority }),
  z.strictObject({ to_front: z.literal(true) }),
]);
export type WaiterMove = z.infer<typeof WaiterMove>;

/** The answer to an acquire that waits: ask again with the same request id. */
export const Waiting = z.object({
  status: z.literal("waiting"),
  reason: WaitReason,
  blocking_limit: z.string(),
  /** Place in line, 1 is next; null when it is beyond what is counted. */
  position: z.int().nullable(),
  /** Leases that must end first, at most a few. */
  blockers: z.array(
    z.object({ lease_id: Id, slots: z.int(), holder: Holder.nullable(), expires_in_seconds: z.number() }),
  ),
  estimated_seconds: z.number().nullable(),
  retry_after_seconds: z.number(),
});
export type Waiting = z.infer<typeof Waiting>;

/** How long a holder has waited for its slots, and how long that was to take when it came, as far as it could be told. */
const Wait = z.object({
  waited_seconds: z.number().default(0),
  estimated_seconds: z.number().nullable().default(null),
});
export type Wait = z.infer<typeof Wait>;

/** What is told of a lease, whether it lives or has ended. */
const AnyLease = z.object({
  ...Wait.shape,
  lease_id: Id,
  fence: z.int(),
  slots: z.int(),
  slot_names: z.array(z.string()).nullable(),
  holder: Holder.nullable(),
  note: z.string().nullable(),
  acquired_at: InstantOut,
  is_reservation: z.boolean(),
});

/** One live lease, for people. */
export const LeaseRecord = z.object({
  ...AnyLease.shape,
  run: RunIdentity.nullable(),
  expires_at: InstantOut,
});
export type LeaseRecord = z.infer<typeof LeaseRecord>;

/** What ended a lease. `other_limit`: it ended with the rest of an acquire over several limits. */
export const LeaseEnd = z.enum(["holder", "withdrawal", "deadline", "run", "operator", "other_limit"]);
export type LeaseEnd = z.infer<typeof LeaseEnd>;

/** One lease as a bar of a timeline: it is held, or has ended lately. */
export const HeldSlots = z.object({
  ...AnyLease.shape,
  /** The run that it was for, where that is known. */
  flow_run_id: Id.nullable(),
  /** Null while it is held. */
  ended_at: InstantOut.nullable(),
  ended_by: LeaseEnd.nullable(),
});
export type HeldSlots = z.infer<typeof HeldSlots>;

/** Slots that a run has held and given back, as its pool keeps them for as long as the run. */
export const RunLease = z.object({
  ...HeldSlots.shape,
  limit_name: z.string(),
  flow_run_id: Id,
  ended_at: InstantOut,
  ended_by: LeaseEnd,
});
export type RunLease = z.infer<typeof RunLease>;

/** Who has held the slots of a limit lately, in the order in which they got them. */
export const LimitHistory = z.object({
  /** The server's clock. */
  now: InstantOut,
  /** From then on every lease that held slots is listed; before, there may have been others. */
  known_since: InstantOut,
  leases: z.array(HeldSlots),
});
export type LimitHistory = z.infer<typeof LimitHistory>;

/** `GET /v2/concurrency_limits/{id_or_name}/history`: how far back, and how many leases; the latest are listed. */
export const HistoryQuery = z.object({
  seconds: z.coerce.number().min(1).max(HISTORY_SECONDS).default(HISTORY_SECONDS),
  limit: z.coerce.number().int().min(1).max(HISTORY_LEASES_MAX).default(HISTORY_LEASES_MAX),
});

/** One waiter, for people. */
export const WaiterRecord = z.object({
  waiter_id: z.string(),
  position: z.int(),
  priority: z.int(),
  slots: z.int(),
  holder: Holder.nullable(),
  run: RunIdentity.nullable(),
  note: z.string().nullable(),
  arrived_at: InstantOut,
  is_present: z.boolean(),
  reason: WaitReason,
  /** How many later waiters have passed it because it was too large, see `bypass_max`. */
  passed: z.int().default(0),
  /** It wants slots of other limits as well, and gets those of this one only together with them. */
  wants_others: z.boolean().default(false),
  /**
   * When its turn may come, seconds from now, by how long leases have lasted lately and the present ones have been held;
   * null where nothing is known, such as when these have outlasted all of those.
   */
  estimated_seconds: z.number().nullable().default(null),
});
export type WaiterRecord = z.infer<typeof WaiterRecord>;

/**
 * `POST /v2/concurrency_limits/{id_or_name}/preview_change`: settings that are not made, and a lease that is not taken
 * away. One that is not held changes nothing.
 */
export const PreviewedLimit = LimitUpdate.pick({
  limit: true,
  active: true,
  slot_decay_per_second: true,
  slot_names: true,
  bypass_max: true,
}).extend({ force_release: Id.optional() });
export type PreviewedLimit = z.infer<typeof PreviewedLimit>;

/** Who it is that a change of a limit would do something to. */
const PreviewedWaiter = WaiterRecord.pick({
  waiter_id: true,
  slots: true,
  holder: true,
  run: true,
  note: true,
  wants_others: true,
});
export type PreviewedWaiter = z.infer<typeof PreviewedWaiter>;

/** What a change of a limit would do at once to its line. */
export const LimitPreview = z.object({
  /** How many of those who are there would get their slots; by a limit that is disabled everybody is let through. */
  admits: z.int(),
  /** How many of these want other limits as well, and get nothing where those are full. */
  admits_with_others: z.int(),
  /** The first of these. */
  admitted: z.array(PreviewedWaiter),
  /** Slots would be left for the line behind the first 4096, which are looked at. */
  has_more: z.boolean(),
  /** How many would be refused because they ask for more than the limit would have. */
  refuses: z.int(),
  /** The first of these. */
  refused: z.array(PreviewedWaiter),
  /** Slots that would be in use beyond the limit until those who hold some end. */
  over: z.int(),
});
export type LimitPreview = z.infer<typeof LimitPreview>;

/** A limit with who holds it and the head of its line, for people. */
export const LimitOverview = z.object({
  ...Limit.shape,
  holders: z.array(LeaseRecord),
  waiters: z.array(WaiterRecord),
  /** How far off the estimates were of those who got their turn in the last quarter of an hour, their median; null of few. */
  estimate_error_seconds: z.number().nullable().default(null),
});
export type LimitOverview = z.infer<typeof LimitOverview>;

/**
 * What limits are of, by their names: `{resource}:{worker}` are a machine's, `deployment:{id}` and `tag:{tag}` are what
 * they say, and the others have no such name.
 */
export const LIMIT_FAMILIES = ["machine", "other", "deployment", "tag"] as const;
export type LimitFamily = (typeof LIMIT_FAMILIES)[number];

export const LimitFilter = z.strictObject({
  family: z.strictObject({ any_: z.array(z.enum(LIMIT_FAMILIES)) }).nullish(),
  /** `like_` is also found in the name of the deployment that a limit is of. */
  name: nameFilter,
});
export type LimitFilter = z.infer<typeof LimitFilter>;

/** `MACHINE_ASC`: by what follows the first colon, numbers at its end as people count; then by name. */
export const LIMIT_SORTS = ["NAME_ASC", "MACHINE_ASC"] as const;
export type LimitSort = (typeof LIMIT_SORTS)[number];

/** `POST /v2/concurrency_limits/count-by-family` */
export const LimitCounts = z.record(z.enum(LIMIT_FAMILIES), z.int());
export type LimitCounts = z.infer<typeof LimitCounts>;

/** `POST /v2/concurrency_limits/overview`: which limits, and how many holders and waiters of each are listed. */
export const OverviewPage = z.strictObject({
  limits: LimitFilter.nullish(),
  sort: z.enum(LIMIT_SORTS).default("NAME_ASC"),
  limit: z.int().min(1).max(PAGE_MAX).default(PAGE_MAX),
  offset: z.int().min(0).max(OFFSET_MAX).default(0),
  holders: z.int().min(0).max(PAGE_MAX).default(64),
  waiters: z.int().min(0).max(PAGE_MAX).default(20),
});

/** A tag limit, Prefect's first kind: a view over the limit named `tag:<tag>`. */
export const TagLimit = z.object({
  ...Stamps,
  tag: z.string(),
  concurrency_limit: z.int(),
  active_slots: z.array(Id),
});
export type TagLimit = z.infer<typeof TagLimit>;
