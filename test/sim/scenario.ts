/** What a seed plays: how many limits and callers of which kinds, and which faults how often. */
import { LEASE_SECONDS_MAX } from "../../src/contract/bounds.ts";
import type { Wish } from "./limit-client.ts";
import type { PoolPlan } from "./pool-world.ts";
import type { FaultKind, FaultRates, Random } from "./random.ts";

export interface ScenarioLimit {
  size: number;
  bypass_max: number;
  has_names: boolean;
  /** 0: it counts by leases. */
  slot_decay_per_second: number;
}

export interface ScenarioCaller {
  name: string;
  kind: Wish["kind"];
  /** Absent: for slots that are held. */
  mode?: Wish["mode"];
  /** Which limits it wants, by their number. */
  wants: number[];
  slots: number;
  /** A lower one goes first; 0 where it is absent. */
  priority?: number;
  lease_seconds: number;
  /** It gives up waiting after so long, on average; never where it is absent. */
  patience_ms?: number;
  think_ms: number;
  hold_ms: number;
  clock: { skew_ms: number; rate: number };
}

export interface Scenario {
  /**
   * By how much everybody is slower than in the busiest world, and lives longer: at 1 steps take seconds and leases last
   * minutes, at 100 work and leases take hours, and the whole goes on for days.
   */
  tempo: number;
  limits: ScenarioLimit[];
  callers: ScenarioCaller[];
  /** Undefined where only limits are played. */
  pool: PoolPlan | undefined;
  rates: FaultRates;
  /** The most that a message may be late. */
  late_ms: number;
  operator_every_ms: number;
}

/** The most that each kind of fault strikes of its opportunities; the least is a thousandth of it. */
export const RATE_MAX: Record<FaultKind, number> = {
  delay: 0.2,
  lose: 0.2,
  double: 0.2,
  cut: 0.02,
  evict: 0.5,
  crash: 0.1,
  commit: 0.1,
  alarm_late: 0.1,
  alarm_early: 0.3,
  alarm_double: 0.3,
  kill: 0.1,
  freeze: 0.1,
  resize: 0.5,
  force_release: 0.3,
  recreate: 0.1,
  reprioritize: 0.1,
  disable: 0.1,
  switch_decay: 0.1,
  deploy: 0.05,
  host_down: 0.02,
  fresh_folder: 0.5,
  cancel: 0.3,
  crash_run: 0.1,
  retry_run: 0.3,
  delete_run: 0.1,
  pause: 0.3,
  resize_pool: 0.3,
  resize_queue: 0.3,
  resize_deployment: 0.3,
  recreate_pool: 0.05,
  reschedule: 0.3,
  born_old: 0.5,
  to_front: 0.5,
  reorder_queues: 0.1,
  freeze_waiter: 0.3,
  restart: 0.5,
  step_clock: 0.3,
};

/** A clock that is off by hours, and runs up to a twentieth too fast or too slow. */
export function makeClock(random: Random): ScenarioCaller["clock"] {
  return { skew_ms: random.int(-7_200_000, 7_200_000), rate: 0.95 + random.next() * 0.1 };
}

/** The lease that somebody asks for in a slower world. */
export function slowLease(lease_seconds: number, tempo: number): number {
  return Math.min(LEASE_SECONDS_MAX, Math.round(lease_seconds * tempo));
}
