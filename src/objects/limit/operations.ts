/** What a ConcurrencyLimit can be asked, by the Worker and by other objects. */
import { LEASE_SECONDS_DEFAULT } from "../../contract/bounds.ts";
import type {
  Acquire,
  Grant,
  Holder,
  LeaseRecord,
  Limit,
  LimitCreate,
  LimitHistory,
  LimitOverview,
  LimitPreview,
  LimitUpdate,
  PreviewedLimit,
  RunIdentity,
  TiedLease,
  WaiterRecord,
  Waiting,
} from "../../contract/wire/limits.ts";

/**
 * Who stands in line: our clients by request id, over HTTP or on a socket of their own, Prefect's by
 * `Prefect-Csrf-Client`, a run by itself, or nobody.
 */
export type Caller =
  | { type: "request" }
  | { type: "prefect"; csrf_client: string; first_retry_after_seconds: number }
  | { type: "socket" }
  | { type: "run"; pool_key: string }
  | { type: "anonymous" };

export interface AcquireCommand extends Omit<Acquire, "lease_seconds"> {
  /** Active or not, all names in ascending key order with their shard keys; the first one is this object. */
  members: { name: string; key: string }[];
  lease_seconds: number;
  caller: Caller;
  run: RunIdentity | null;
  /** Prefect's `increment` without a lease: the slots are given back by `decrement`, or after a day. */
  is_anonymous?: boolean;
  /** A holder that already has a lease here gets that one: task runs of clients that know no leases. */
  is_once_per_holder?: boolean;
}

/** The command for the home of an acquire. */
export function toCommand(
  acquire: Omit<Acquire, "lease_seconds"> & { lease_seconds?: number | undefined },
  members: AcquireCommand["members"],
  caller: Caller,
  run: RunIdentity | null,
): AcquireCommand {
  const { lease_seconds = LEASE_SECONDS_DEFAULT, ...rest } = acquire;
  return { ...rest, members, lease_seconds, caller, run };
}

/** One member's share of an acquire over several limits. */
export interface ShareName {
  key: string;
  fence: number;
}

/** A waiter, and the least size of the limit with which it gets its slots while the present holders keep theirs. */
export type FoundWaiter = WaiterRecord & { least_limit?: number };

export type LimitOperations = {
  create: { command: LimitCreate; answer: Limit };
  /** Creates or updates: deployment limits and Prefect's tag limits are written so. `null` answers leave the limit as it is. */
  put: { command: LimitCreate; answer: { limit: Limit; was_created: boolean } };
  read: { command: { id?: string }; answer: Limit };
  update: { command: LimitUpdate & { id?: string }; answer: Limit };
  /** What an update, or the end of a lease, would do to the line; nothing is written. */
  preview_change: { command: PreviewedLimit & { id?: string }; answer: LimitPreview };
  delete: { command: { id?: string; is_forced: boolean }; answer: null };
  acquire: { command: AcquireCommand; answer: Grant | Waiting };
  renew: {
    command: { lease_id: string; lease_seconds: number | null };
    /** `flow_run_id` where the lease is a run's: one that renews shows that it lives. */
    answer: { expires_in_seconds: number; flow_run_id?: string };
  };
  /**
   * An event says for which run a lease is held, or null. The lease of a named attempt stays that attempt's. `event` is
   * for the sender, who goes on with it when the answer has come.
   */
  tie_lease: {
    command: { lease_id: string; run: RunIdentity | null; event: unknown };
    answer: TiedLease;
  };
  release: { command: { lease_id: string }; answer: null };
  /** Tells whether a lease is held, for the socket on which its holder wants to hear of its end. */
  watch: { command: { lease_id: string }; answer: null };
  /** Prefect's `decrement` without a lease: gives back anonymous slots, oldest first. */
  decrement: { command: { slots: number }; answer: null };
  /** Leaves the line; a grant that is on its way is released. */
  withdraw: { command: { request_id: string }; answer: null };
  /** The attempt has ended: its leases and places in line go, later acquires of it get `gone` for ten minutes. */
  end_attempt: { command: { flow_run_id: string; attempt_id: string }; answer: null };
  /** As `read`, with so many holders and waiters. */
  read_overview: { command: { holders: number; waiters: number }; answer: LimitOverview };
  list_holders: { command: { after_fence: number; limit: number }; answer: LeaseRecord[] };
  /** Who has held slots lately, the live leases first among so many. Not of a limit that decays. */
  read_history: { command: { seconds: number; limit: number }; answer: LimitHistory };
  list_waiters: { command: { offset: number; limit: number }; answer: WaiterRecord[] };
  /** How a run waits here, null where it does not. Limits of the release before do not say the {@link FoundWaiter}'s least. */
  find_waiter: { command: { flow_run_id: string }; answer: FoundWaiter | null };
  /** Ends a lease whoever holds it; the fence of the limit rises so that the old holder's calls lose. */
  force_release: { command: { lease_id: string }; answer: null };
  /** `is_to_front`: at most that priority, and one before all others. Limits of the release before know only the number. */
  set_priority: {
    command: { waiter_id: string; priority: number; is_to_front?: boolean };
    answer: null;
  };
  /** Tag limits: the holders of type task_run, and their replacement by hand. */
  reset_holders: { command: { task_run_ids: string[] }; answer: Limit };
  release_holder: { command: { holder: Holder }; answer: null };
  /** Between limits, for an acquire over several: see the domain's `joint.ts`. */
  reserve: {
    command: {
      joint_id: string;
      home_key: string;
      slots: number;
      arrived_at: number;
      lease_seconds: number;
      mode?: "concurrency" | "rate_limit";
      holder: Holder | null;
      run: RunIdentity | null;
      note: string | null;
      priority: number;
      /** Who holds slots here already is counted no second time. */
      is_once_per_holder?: boolean;
    };
    answer:
      | {
          status: "reserved";
          fence: number;
          limit_id: string;
          limit: number;
          slot_names: string[] | null;
        }
      | { status: "full" }
      | { status: "absent" }
      | { status: "inactive" };
  };
  commit_reservation: {
    /** With a fence only that reservation is committed; homes of the release before do not say it. */
    command: { joint_id: string; expires_at: number; is_anonymous?: boolean; fence?: number | null };
    answer: null;
  };
  undo_reservation: {
    /**
     * With a fence only that reservation is given back; without one the acquire has ended for good. `flow_run_id`: the run
     * that it was for, as home has heard since; homes of the release before do not say it.
     */
    command: { joint_id: string; fence?: number | null; flow_run_id?: string | null };
    answer: null;
  };
  /** A member asks home before it drops a reservation or lease of several limits. */
  ask_joint: {
    /** `share`: who asks, and the fence of its reservation; a member of the release before does not say it. */
    command: { joint_id: string; share?: ShareName };
    answer: { status: "waiting" | "held"; expires_at: number } | { status: "ended" };
  };
  /** An operator has ended the share of a member: the whole acquire ends, and its holder hears of it. */
  end_joint: {
    /** `share`: whose, and its fence; a member of the release before does not say it. */
    command: { joint_id: string; share?: ShareName };
    answer: null;
  };
  /** A member tells home that room was made. */
  wake_joint: { command: { joint_id: string }; answer: null };
  /** A member tells home that the acquire has another priority in its line. Members of the release before say it as they reserve. */
  move_joint: { command: { joint_id: string; key: string; priority: number }; answer: null };
};
