/**
 * Whose turn it is: one step for each waiter of the line, in order, until nobody later may go.
 *
 * A caller who can be handed a lease (a socket, a run) is granted; one who only shows up by its next request is offered.
 * An offer uses up no capacity, but while it is fresh nobody else is given what it speaks of; after a moment the next
 * in line is offered the same. Whoever comes first takes it, the other keeps its place.
 */
import { OFFER_SHARED_MS } from "../../contract/bounds.ts";
import type { Waiter } from "./types.ts";

/** What is known of a waiter beyond its row. */
export interface Sighting {
  /** It holds a request or a socket open right now, or it is a run, which is always there. */
  is_here: boolean;
  /** Its attempt has ended: it must not be granted anything. */
  is_ended: boolean;
  /** It asks in this very turn: it can be answered with the lease itself. */
  is_asking: boolean;
}

export interface LineState {
  /** Slots that may still be granted or offered in this walk. */
  budget: number;
  /** Waiters met so far that are too large for what is free. */
  blocked: Waiter[];
  /** The earliest instant at which a walk can come to another result without anything happening. */
  next_at: number;
}

/** A waiter who is here longer than was expected is looked at again after this long. */
const RECHECK_MS = 100;

export type LineAction = "drop" | "refuse" | "park" | "keep" | "offer" | "grant" | "take" | "block";

/** A walk begins with what is free. */
export function startWalk(budget: number): LineState {
  return { budget, blocked: [], next_at: Number.POSITIVE_INFINITY };
}

/** Nobody later can go: nothing is left, or someone waits who may not be passed any more. */
export function isWalkOver(state: LineState, bypass_max: number): boolean {
  return state.budget <= 0 || state.blocked.some((waiter) => waiter.passed >= bypass_max);
}

/** Decides what happens to the next waiter of the line, and takes what it gets from the budget. */
export function stepLine(
  state: LineState,
  waiter: Waiter,
  sighting: Sighting,
  now: number,
  limit: { limit: number; bypass_max: number },
): LineAction {
  if (sighting.is_ended) return "drop";
  if (waiter.slots > limit.limit) return "refuse";
  // A socket that is not open is known to be gone; of a request only its next one tells.
  const isExpected = waiter.caller !== "socket" && now < waiter.present_until;
  const isPresent = sighting.is_here || sighting.is_asking || isExpected;
  if (!isPresent) return "park";
  if (isWalkOver(state, limit.bypass_max) || waiter.slots > state.budget) {
    // Should it not come back, the next in line may fit.
    if (waiter.caller !== "socket") noteDeadline(state, Math.max(waiter.present_until, now + RECHECK_MS));
    state.blocked.push(waiter);
    return "block";
  }
  if (sighting.is_asking) {
    state.budget -= waiter.slots;
    return "take";
  }
  if (waiter.offered_at !== null) {
    const shared_at = waiter.offered_at + OFFER_SHARED_MS;
    if (now < shared_at) state.budget -= waiter.slots;
    noteDeadline(state, now < shared_at ? shared_at : waiter.present_until);
    return "keep";
  }
  state.budget -= waiter.slots;
  if (waiter.caller === "socket" || waiter.caller === "run") return "grant";
  noteDeadline(state, now + OFFER_SHARED_MS);
  return "offer";
}

/** Tells whether `left` stands before `right`. */
export function isBefore(
  left: { priority: number; seq: number },
  right: { priority: number; seq: number },
): boolean {
  return left.priority < right.priority || (left.priority === right.priority && left.seq < right.seq);
}

function noteDeadline(state: LineState, at: number): void {
  if (at < state.next_at) state.next_at = at;
}
