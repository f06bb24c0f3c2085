/**
 * The slots that a run waits for, holds and has held. What is so now is known by the limits, and what was lately, too;
 * what is longer ago only where a client has told of it by events, as Prefect's do when they acquire and release.
 */
import type { ReceivedEvent } from "../../contract/wire/events.ts";
import type { FlowRun } from "../../contract/wire/flow-runs.ts";
import type { LimitHistory, LimitOverview } from "../../contract/wire/limits.ts";
import { workerOf } from "../parts/run-table.tsx";
import { runOf } from "../parts/who.tsx";
import { isEnded } from "./ended.ts";
import { useQueries, useQuery } from "./query.ts";

const SHOWN_MAX = 200;
/** Limits whose lately ended leases are asked for. */
const LIMITS_MAX = 10;
/** Limits know so long who has held their slots. */
const LATELY_MS = 15 * 60_000;
const EVENT = "prefect.concurrency-limit.";

export interface RunLease {
  key: string;
  limit: string;
  slots: string;
  status: "waits" | "holds" | "held";
  /** How long it stood in line before; null where nothing tells, or while it does. */
  waited_seconds: number | null;
  /** When it got in line, or got the slots. */
  since: string;
  /** When the slots went back; null where that is not known or not yet. */
  until: string | null;
}

interface History {
  limit: string;
  history: LimitHistory;
}

/** Those that wait first, then what is held, then what is over. */
export function useRunLeases(run: FlowRun): RunLease[] {
  const { id, end_time } = run;
  const isLately = !isEnded(run) || end_time === null || Date.now() - Date.parse(end_time) < LATELY_MS;
  const { value: limits = [] } = useQuery<LimitOverview[]>(
    isLately
      ? {
          method: "POST",
          path: "/v2/concurrency_limits/overview",
          body: { holders: SHOWN_MAX, waiters: SHOWN_MAX },
        }
      : null,
  );
  const names = isLately ? chooseLimits(limits, run) : [];
  const answers = useQueries<LimitHistory>(
    names.map((name) => ({
      method: "GET",
      path: `/v2/concurrency_limits/${encodeURIComponent(name)}/history`,
    })),
  );
  const histories = names.flatMap((limit, index): History[] => {
    const history = answers[index]?.value;
    return history === undefined ? [] : [{ limit, history }];
  });
  const { value: page } = useQuery<{ events: ReceivedEvent[] }>({
    method: "POST",
    path: "/events/filter",
    body: { filter: { event: { prefix: [EVENT] }, any_resource: [{ id: [`prefect.flow-run.${id}`] }] } },
  });
  const lately = histories.flatMap((each) => listLately(each, id));
  const longer = listTold(page?.events ?? []).filter((lease) => !isTold(lease, histories));
  const past = [...lately, ...longer].toSorted((left, right) => (left.since < right.since ? 1 : -1));
  return [...listWaiting(limits, id), ...listHeld(limits, id), ...past];
}

/** Where there are many, those that have to do with the run: it is in them, or they are its worker's. */
export function chooseLimits(limits: readonly LimitOverview[], run: FlowRun): string[] {
  const worker = workerOf(run);
  const weigh = ({ name, holders, waiters }: LimitOverview): number => {
    if ([...holders, ...waiters].some((about) => runOf(about) === run.id)) return 0;
    return worker !== "" && name.endsWith(`:${worker}`) ? 1 : 2;
  };
  return limits
    .filter((limit) => limit.slot_decay_per_second === 0)
    .toSorted((left, right) => weigh(left) - weigh(right))
    .slice(0, LIMITS_MAX)
    .map(({ name }) => name);
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
    holders
      .filter((lease) => runOf(lease) === id)
      .map(({ lease_id, slots, slot_names, waited_seconds, acquired_at }) => ({
        key: lease_id,
        limit: name,
        slots: slot_names?.join(", ") ?? String(slots),
        status: "holds",
        waited_seconds,
        since: acquired_at,
        until: null,
      })),
  );
}

function listLately({ limit, history }: History, id: string): RunLease[] {
  return history.leases
    .filter(({ flow_run_id, ended_at }) => flow_run_id === id && ended_at !== null)
    .map(({ lease_id, slots, slot_names, waited_seconds, acquired_at, ended_at }) => ({
      key: lease_id,
      limit,
      slots: slot_names?.join(", ") ?? String(slots),
      status: "held",
      waited_seconds,
      since: acquired_at,
      until: ended_at,
    }));
}

/** A release follows its acquisition; one that was never told of may go on, and is known by its limit then. */
export function listTold(events: readonly ReceivedEvent[]): RunLease[] {
  const byId = new Map(events.map((event) => [event.id, event] as const));
  return events.flatMap(({ event, follows, occurred, resource, id }): RunLease[] => {
    const acquired = follows === null ? undefined : byId.get(follows);
    if (event !== `${EVENT}released` || acquired === undefined) return [];
    return [
      {
        key: id,
        limit: resource["prefect.resource.name"] ?? "",
        slots: resource["slots-acquired"] ?? "",
        status: "held",
        waited_seconds: null,
        since: acquired.occurred,
        until: occurred,
      },
    ];
  });
}

/** The limit knows it, too, and better: clocks of clients differ from the server's. */
function isTold({ limit, until }: RunLease, histories: readonly History[]): boolean {
  const known = histories.find((each) => each.limit === limit)?.history.known_since;
  return known !== undefined && until !== null && until >= known;
}
