/** What a limit does when calls come one at a time, as far as every answer can be held against it. */
import type { Call, Specification } from "./checker.ts";

/** `null` as an answer: none came. */
export type LimitOperation =
  | { kind: "acquire"; request_id: string; slots: number; answer: AcquireAnswer | null }
  | { kind: "withdraw"; request_id: string; answer: "done" | null }
  | { kind: "release"; lease_id: string; answer: "done" | null }
  | { kind: "renew"; lease_id: string; answer: "renewed" | "gone" | null }
  | { kind: "resize"; limit: number; answer: "done" | null }
  | { kind: "read"; answer: { limit: number; active_slots: number } };

export type AcquireAnswer =
  | { status: "granted"; lease_id: string; fence: number }
  | { status: "waiting" }
  /** The request id has ended. */
  | { status: "gone" }
  /** More slots than the limit has. */
  | { status: "refused" };

interface Held {
  slots: number;
  /** Null where nobody was ever told. */
  lease_id: string | null;
}

export interface LimitState {
  limit: number;
  held: ReadonlyMap<string, Held>;
  waiting: ReadonlySet<string>;
  ended: ReadonlySet<string>;
  fence: number;
}

/**
 * One limit over a history in which no lease expires. Leases and fences that a caller heard of only when it asked again
 * are known to the first asking too, for a request id gets one lease at most.
 */
export function specifyLimit(
  limit: number,
  history: readonly Call<LimitOperation>[],
): Specification<LimitState, LimitOperation> {
  const grants = new Map<string, { lease_id: string; fence: number }>();
  for (const { operation } of history)
    if (operation.kind === "acquire" && operation.answer?.status === "granted")
      grants.set(operation.request_id, operation.answer);
  return {
    initial: { limit, held: new Map(), waiting: new Set(), ended: new Set(), fence: 0 },
    step: (state, operation) => step(state, operation, grants),
    keyOf: ({ limit: slots, held, waiting, ended, fence }) =>
      JSON.stringify([slots, [...held.keys()].sort(), [...waiting].sort(), [...ended].sort(), fence]),
  };
}

function step(
  state: LimitState,
  operation: LimitOperation,
  grants: ReadonlyMap<string, { lease_id: string; fence: number }>,
): LimitState[] {
  switch (operation.kind) {
    case "acquire": {
      const { answer, request_id } = operation;
      const after = acquire(state, operation, answer?.status === "granted" ? answer : grants.get(request_id));
      return operation.answer === null ? [state, ...after] : after;
    }
    case "withdraw": {
      const after = end(state, operation.request_id);
      return operation.answer === null ? [state, after] : [after];
    }
    case "release": {
      const holder = findHolder(state, operation.lease_id);
      const after = holder === undefined ? state : end(state, holder);
      return operation.answer === null ? [state, after] : [after];
    }
    case "renew": {
      const isHeld = findHolder(state, operation.lease_id) !== undefined;
      return operation.answer === null || isHeld === (operation.answer === "renewed") ? [state] : [];
    }
    case "resize": {
      const after = { ...state, limit: operation.limit };
      return operation.answer === null ? [state, after] : [after];
    }
    case "read":
      return operation.answer.limit === state.limit && operation.answer.active_slots === countOccupied(state)
        ? [state]
        : [];
  }
}

function acquire(
  state: LimitState,
  { request_id, slots, answer }: Extract<LimitOperation, { kind: "acquire" }>,
  known: { lease_id: string; fence: number } | undefined,
): LimitState[] {
  const held = state.held.get(request_id);
  if (held !== undefined)
    return answer === null || (answer.status === "granted" && answer.lease_id === held.lease_id)
      ? [state]
      : [];
  if (state.ended.has(request_id)) return answer === null || answer.status === "gone" ? [state] : [];
  if (answer?.status === "refused") return slots > state.limit ? [state] : [];
  const after: LimitState[] = [];
  const hasRoom = countOccupied(state) + slots <= state.limit;
  if (hasRoom && (answer === null || answer.status === "granted")) {
    // Nobody was told of this one's fence: it is above those before it, and that is all there is to say.
    const fence = known?.fence ?? state.fence;
    if (known === undefined || fence > state.fence)
      after.push({
        ...state,
        held: new Map(state.held).set(request_id, { slots, lease_id: known?.lease_id ?? null }),
        waiting: without(state.waiting, request_id),
        fence,
      });
  }
  // Who waits although there is room must have somebody before it in line.
  const isBehind = [...state.waiting].some((other) => other !== request_id);
  if ((!hasRoom || isBehind) && (answer === null || answer.status === "waiting"))
    after.push({ ...state, waiting: new Set(state.waiting).add(request_id) });
  return after;
}

function end(state: LimitState, request_id: string): LimitState {
  const held = new Map(state.held);
  held.delete(request_id);
  return {
    ...state,
    held,
    waiting: without(state.waiting, request_id),
    ended: new Set(state.ended).add(request_id),
  };
}

function countOccupied({ held }: LimitState): number {
  return [...held.values()].reduce((sum, { slots }) => sum + slots, 0);
}

function findHolder({ held }: LimitState, lease_id: string): string | undefined {
  return [...held].find(([, lease]) => lease.lease_id === lease_id)?.[0];
}

function without(all: ReadonlySet<string>, one: string): ReadonlySet<string> {
  if (!all.has(one)) return all;
  const others = new Set(all);
  others.delete(one);
  return others;
}
