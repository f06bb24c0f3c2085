/**
 * The slots that a run waits for, holds and has held. Limits know what is so now; what is over the run keeps for itself.
 */
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { LimitOverview, RunLease as HeldLease } from "../../contract/wire/limits.ts";
import { runOf } from "../parts/who.tsx";
import { isEnded } from "./ended.ts";
import type { Request } from "./http.ts";
import { isUnanswered, useQuery, type Query } from "./query.ts";
import { useWholes } from "./whole.ts";

const SHOWN_MAX = 200;

export interface RunLease {
  key: string;
  limit: string;
  slots: string;
  status: "waits" | "holds" | "held";
  /** How long it stood in line before; null while it does. */
  waited_seconds: number | null;
  /** When it got in line, or got the slots. */
  since: string;
  /** When the slots went back; null where they did not. */
  until: string | null;
}

/** Those that wait first, then what is held, then what is over, the latest first; `fault`: why some may be missing. */
export function useRunLeases(run: FlowRun): { leases: RunLease[]; fault: Query<unknown> | undefined } {
  const { id } = run;
  const now = useWholes<LimitOverview>(isEnded(run) ? [] : listQuestions(run));
  const limits = now.flatMap(({ items = [] }) => items);
  const ended = useQuery<HeldLease[]>({ method: "GET", path: `/flow_runs/${id}/leases` });
  const past = (ended.value ?? []).map((lease) => describe(lease.limit_name, lease, lease.ended_at));
  const over = new Set(past.map(({ key }) => key));
  // What has just ended may still be held in an older answer.
  const held = listHeld(limits, id).filter(({ key }) => !over.has(key));
  return {
    leases: [...listWaiting(limits, id), ...held, ...past.toReversed()],
    fault: [ended, ...now.map(({ first }) => first)].find(isUnanswered),
  };
}

/** Of the deployments' limits, which are many, only that of its own can have it. */
function listQuestions({ deployment_id }: FlowRun): Request[] {
  const ask = (limits: object): Request => ({
    method: "POST",
    path: "/v2/concurrency_limits/overview",
    body: { limits, holders: SHOWN_MAX, waiters: SHOWN_MAX },
  });
  return [
    ask({ family: { any_: ["machine", "other", "tag"] } }),
    ...(typeof deployment_id === "string" ? [ask({ name: { any_: [`deployment:${deployment_id}`] } })] : []),
  ];
}

function listWaiting(limits: readonly LimitOverview[], id: string): RunLease[] {
  return limits.flatMap(({ name, waiters }) =>
    waiters
      .filter((waiter) => runOf(waiter) === id)
      .map(({ waiter_id, slots, arrived_at }) => ({
        key: waiter_id,
        limit: name,
        slots: String(slots),
        status: "waits",
        waited_seconds: null,
        since: arrived_at,
        until: null,
      })),
  );
}

function listHeld(limits: readonly LimitOverview[], id: string): RunLease[] {
  return limits.flatMap(({ name, holders }) =>
    holders.filter((lease) => runOf(lease) === id).map((lease) => describe(name, lease, null)),
  );
}

function describe(
  limit: string,
  {
    lease_id,
    slots,
    slot_names,
    waited_seconds,
    acquired_at,
  }: Pick<HeldLease, "lease_id" | "slots" | "slot_names" | "waited_seconds" | "acquired_at">,
  until: string | null,
): RunLease {
  return {
    key: lease_id,
    limit,
    slots: slot_names?.join(", ") ?? String(slots),
    status: until === null ? "holds" : "held",
    waited_seconds,
    since: acquired_at,
    until,
  };
}
