/** What a limit does when calls come one at a time, as far as every answer can be held against it. */
import { EXPECTED_BACK_SECONDS, HOLD_SECONDS_MAX } from "../../src/contract/bounds.ts";
import { REQUEST_RETRY_SECONDS } from "../../src/objects/limit/acquire.ts";
import type { Call, Specification } from "./checker.ts";

/** `null` as an answer: none came. */
export type LimitOperation =
  | { kind: "acquire"; request_id: string; slots: number; answer: AcquireAnswer | null }
  /** A request that was held stood in line, or did not, before it was answered otherwise than by its place there. */
  | { kind: "stand"; request_id: string; slots: number }
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

type Lease = Pick<Extract<AcquireAnswer, { status: "granted" }>, "lease_id" | "fence">;

export interface LimitState {
  limit: number;
  /** The slots that each request holds. */
  held: ReadonlyMap<string, number>;
  /** Those who wait and the slots that each wants, in the order in which they came. */
  waiting: ReadonlyMap<string, number>;
  ended: ReadonlySet<string>;
  fence: number;
}

/** So long after its last answer somebody may still count as there, and be waited for: it was held, or is expected back. */
const MISSED_AFTER_MS = (HOLD_SECONDS_MAX + REQUEST_RETRY_SECONDS + EXPECTED_BACK_SECONDS) * 1000;

/** What is known of a history as a whole, whatever the order. */
interface Context {
  /** What a request was granted: one lease at most. */
  leaseOf(request_id: string): Lease | undefined;
  /** The request that was granted this lease: one at most. */
  ownerOf(lease_id: string): string | undefined;
  /** Whether somebody who waits may count as there at some moment of a call. */
  mayBeThere(request_id: string, at: LimitOperation): boolean;
}

/**
 * One limit over a history in which no lease expires and nobody has a priority. Leases and fences that a caller heard of
 * only when it asked again are known to the first asking too, for a request id gets one lease at most. Whoever waits has
 * the place and wants the slots of its first asking, whatever later ones say.
 */
export function specifyLimit(
  limit: number,
  history: readonly Call<LimitOperation>[],
): Specification<LimitState, LimitOperation> {
  const context = readContext(history);
  return {
    initial: { limit, held: new Map(), waiting: new Map(), ended: new Set(), fence: 0 },
    step: (state, operation) => step(state, operation, context),
    keyOf: (state) => {
      const { held, waiting, ended, fence } = state;
      return JSON.stringify([
        state.limit,
        [...held].map(([request_id, slots]) => `${request_id} ${slots}`).sort(),
        [...waiting],
        [...ended].sort(),
        fence,
      ]);
    },
  };
}

function readContext(history: readonly Call<LimitOperation>[]): Context {
  const leases = new Map<string, Lease>();
  const owners = new Map<string, string>();
  const calls = new Map<LimitOperation, Call<LimitOperation>>();
  const asked = new Map<string, Call<LimitOperation>[]>();
  for (const call of history) {
    const { operation } = call;
    calls.set(operation, call);
    if (operation.kind !== "acquire") continue;
    const { request_id, answer } = operation;
    asked.set(request_id, [...(asked.get(request_id) ?? []), call]);
    if (answer?.status !== "granted") continue;
    if (!leases.has(request_id)) leases.set(request_id, answer);
    if (!owners.has(answer.lease_id)) owners.set(answer.lease_id, request_id);
  }
  return {
    leaseOf: (request_id) => leases.get(request_id),
    ownerOf: (lease_id) => owners.get(lease_id),
    mayBeThere: (request_id, at) => {
      const { startedAt = 0, answeredAt = 0 } = calls.get(at) ?? {};
      return (asked.get(request_id) ?? []).some(
        (call) => call.startedAt <= answeredAt && startedAt <= call.answeredAt + MISSED_AFTER_MS,
      );
    },
  };
}

function step(state: LimitState, operation: LimitOperation, context: Context): LimitState[] {
  switch (operation.kind) {
    case "acquire": {
      const after = acquire(state, operation, context);
      return operation.answer === null ? [state, ...after] : after;
    }
    case "stand": {
      const { request_id } = operation;
      const isKnown = state.held.has(request_id) || state.ended.has(request_id);
      return isKnown ? [state] : [state, ...wait(state, operation, context)];
    }
    case "withdraw": {
      const after = end(state, operation.request_id);
      return operation.answer === null ? [state, after] : [after];
    }
    case "release": {
      const owner = context.ownerOf(operation.lease_id);
      const after = owner === undefined || !state.held.has(owner) ? state : end(state, owner);
      return operation.answer === null ? [state, after] : [after];
    }
    case "renew": {
      const isHeld = state.held.has(context.ownerOf(operation.lease_id) ?? "");
      return operation.answer === null || isHeld === (operation.answer === "renewed") ? [state] : [];
    }
    case "resize": {
      const after = resize(state, operation.limit);
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
  operation: Extract<LimitOperation, { kind: "acquire" }>,
  context: Context,
): LimitState[] {
  const { request_id, answer } = operation;
  if (state.held.has(request_id)) return isGrantOf(request_id, answer, context) ? [state] : [];
  if (state.ended.has(request_id)) return answer === null || answer.status === "gone" ? [state] : [];
  if (answer?.status === "refused") return operation.slots > state.limit ? [state] : [];
  return [
    ...(isGrantOf(request_id, answer, context) ? grant(state, operation, context) : []),
    ...(answer === null || answer.status === "waiting" ? wait(state, operation, context) : []),
  ];
}

/** Whether an answer, if one came, is the grant that this request got and no other did. */
function isGrantOf(request_id: string, answer: AcquireAnswer | null, context: Context): boolean {
  if (answer === null) return true;
  const lease = context.leaseOf(request_id);
  return (
    answer.status === "granted" &&
    answer.lease_id === lease?.lease_id &&
    answer.fence === lease.fence &&
    context.ownerOf(answer.lease_id) === request_id
  );
}

/** Whoever fits may be granted: those before it may be absent. */
function grant(
  state: LimitState,
  { request_id, ...asked }: Extract<LimitOperation, { kind: "acquire" }>,
  context: Context,
): LimitState[] {
  const slots = state.waiting.get(request_id) ?? asked.slots;
  if (countOccupied(state) + slots > state.limit) return [];
  // Nobody was told of some fences: they are above those before them, and that is all there is to say.
  const fence = context.leaseOf(request_id)?.fence;
  if (fence !== undefined && fence <= state.fence) return [];
  const waiting = new Map(state.waiting);
  waiting.delete(request_id);
  const held = new Map(state.held).set(request_id, slots);
  return [{ ...state, held, waiting, fence: fence ?? state.fence }];
}

/** Only who does not fit beside those before it waits, the first of all never beside slots that would do. */
function wait(
  state: LimitState,
  operation: Extract<LimitOperation, { kind: "acquire" | "stand" }>,
  context: Context,
): LimitState[] {
  const { request_id } = operation;
  const slots = state.waiting.get(request_id) ?? operation.slots;
  let wanted = countOccupied(state) + slots;
  for (const [other, others] of state.waiting) {
    if (other === request_id) break;
    if (context.mayBeThere(other, operation)) wanted += others;
  }
  return wanted > state.limit ? [{ ...state, waiting: new Map(state.waiting).set(request_id, slots) }] : [];
}

/** Who wants more than there is after it loses its place. */
function resize(state: LimitState, limit: number): LimitState {
  return { ...state, limit, waiting: new Map([...state.waiting].filter(([, slots]) => slots <= limit)) };
}

function end(state: LimitState, request_id: string): LimitState {
  const [held, waiting] = [new Map(state.held), new Map(state.waiting)];
  held.delete(request_id);
  waiting.delete(request_id);
  return { ...state, held, waiting, ended: new Set(state.ended).add(request_id) };
}

function countOccupied({ held }: LimitState): number {
  return [...held.values()].reduce((sum, slots) => sum + slots, 0);
}
