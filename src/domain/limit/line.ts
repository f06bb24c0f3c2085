/**
 * Whose turn it is: one step for each waiter of the line, in order, until nobody later may go.
 *
 * A run, which the server itself starts, is granted. Everybody else is offered: neither a held request nor an open socket
 * says that somebody is still at its other end, a machine that has lost its network least of all.
 * An offer uses up no capacity, but while it is fresh nobody later is given what it speaks of. When nobody came for it
 * the same slots are offered to further waiters, to twice as many each time, so that a line of dead callers costs no
 * more than a second. Whoever comes first takes them, earlier ones first while their offers are fresh; the others keep
 * their places.
 */
import {
  OFFER_SHARED_MS,
  OFFER_SPREAD_MS,
  OFFERS_AT_ONCE_MAX,
  WAITERS_SEEN_MAX,
} from "../../contract/bounds.ts";
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
  /** Slots that are free, for offers that repeat earlier ones. */
  readonly free: number;
  /** Slots that are neither given away nor spoken of by a fresh offer further ahead. */
  budget: number;
  /** Offers further ahead that are not fresh any more and may still be taken. */
  untaken: number;
  /** Fresh offers that speak of slots which another fresh offer speaks of too. */
  repeated: number;
  /** Waiters met so far that are too large for what is free. */
  blocked: Waiter[];
  /** The earliest instant at which a walk can come to another result without anything happening. */
  next_at: number;
}

export type LineAction = "drop" | "park" | "keep" | "offer" | "grant" | "take" | "block";

/** A walk begins with what is free. */
export function startWalk(budget: number): LineState {
  return {
    free: budget,
    budget,
    untaken: 0,
    repeated: 0,
    blocked: [],
    next_at: Number.POSITIVE_INFINITY,
  };
}

/** Nobody later can go: nothing is left to give or to offer, or someone waits who may not be passed any more. */
export function isWalkOver(state: LineState, bypass_max: number): boolean {
  return (
    (state.budget <= 0 && !mayRepeat(state)) || state.blocked.some((waiter) => waiter.passed >= bypass_max)
  );
}

/** As many as did not come so far are told beyond those whom the free slots would do for. */
function mayRepeat(state: LineState): boolean {
  return state.free > 0 && state.repeated < Math.min(state.untaken, OFFERS_AT_ONCE_MAX);
}

/**
 * Takes an offer's slots from the budget, or counts it as one that repeats another: what is left, and is too little for
 * it, is for nobody later where nobody may be passed.
 */
function speakOf(state: LineState, slots: number, bypass_max: number): void {
  if (slots <= state.budget) state.budget -= slots;
  else {
    state.repeated += 1;
    if (bypass_max === 0) state.budget = 0;
  }
}

/** Decides what happens to the next waiter of the line, and takes what it gets from the budget. */
export function stepLine(
  state: LineState,
  waiter: Waiter,
  sighting: Sighting,
  now: number,
  limit: { bypass_max: number },
): LineAction {
  if (sighting.is_ended) return "drop";
  if (!sighting.is_asking && !isPresent(waiter, sighting.is_here, now)) return "park";
  const fits = waiter.slots <= state.budget;
  const isAlreadyOffered = waiter.offered_at !== null && !sighting.is_asking;
  const mayBeTold =
    !sighting.is_asking &&
    waiter.caller !== "run" &&
    waiter.slots <= state.free &&
    (isAlreadyOffered || mayRepeat(state));
  if (isWalkOver(state, limit.bypass_max) || !(fits || mayBeTold)) {
    // Should it not come back, the next in line may fit. Who is here for longer has a socket, whose end is heard.
    if ((waiter.caller !== "socket" || isAlreadyOffered) && now < waiter.present_until)
      noteDeadline(state, waiter.present_until);
    state.blocked.push(waiter);
    return "block";
  }
  if (sighting.is_asking) {
    state.budget -= waiter.slots;
    return "take";
  }
  const fresh_ms = state.untaken === 0 ? OFFER_SHARED_MS : OFFER_SPREAD_MS;
  if (waiter.offered_at !== null) {
    const shared_at = waiter.offered_at + fresh_ms;
    noteDeadline(state, now < shared_at ? shared_at : waiter.present_until);
    if (now < shared_at) speakOf(state, waiter.slots, limit.bypass_max);
    else state.untaken += 1;
    return "keep";
  }
  if (waiter.caller === "run") {
    state.budget -= waiter.slots;
    return "grant";
  }
  speakOf(state, waiter.slots, limit.bypass_max);
  noteDeadline(state, now + fresh_ms);
  return "offer";
}

/** Tells whether a waiter counts as there; `is_here`: it holds a request or a socket open, or is a run. */
export function isPresent(
  waiter: Pick<Waiter, "caller" | "offered_at" | "present_until">,
  is_here: boolean,
  now: number,
): boolean {
  // Who does not come for what it was offered is gone, whatever its connection says.
  if (waiter.offered_at !== null) return now < waiter.present_until;
  // A socket that is not open is known to be gone; of a request only its next one tells.
  return is_here || (waiter.caller !== "socket" && now < waiter.present_until);
}

/**
 * Who of those in line that are there gets slots while so many are free, if each comes at once for what it is offered, the
 * first ones first.
 */
export function findServed(line: Iterable<Waiter>, free: number, bypass_max: number): Waiter[] {
  const state = startWalk(free);
  const isOver = (): boolean => isWalkOver(state, bypass_max) || state.blocked.length >= WAITERS_SEEN_MAX;
  if (isOver()) return [];
  const chosen: { waiter: Waiter; isGiven: boolean; behind: number }[] = [];
  const sighting = { is_here: true, is_ended: false, is_asking: false };
  for (const waiter of line) {
    const action = stepLine(state, { ...waiter, offered_at: null }, sighting, 0, { bypass_max });
    if (action === "grant") countPassed(state.blocked);
    if (action !== "block")
      chosen.push({ waiter, isGiven: action === "grant", behind: state.blocked.length });
    if (isOver()) break;
  }
  const served = chosen.filter(({ isGiven, behind }) => {
    if (isGiven) return true;
    // Whoever is offered something passes others only when it comes, and runs may have passed them by then.
    const blocked = state.blocked.slice(0, behind);
    if (blocked.some(({ passed }) => passed >= bypass_max)) return false;
    countPassed(blocked);
    return true;
  });
  return served.map(({ waiter }) => waiter);
}

function countPassed(blocked: readonly Waiter[]): void {
  for (const waiter of blocked) waiter.passed += 1;
}

/** So many sizes are tried where some may be passed; beyond these it is said what serves everybody. */
const SIZES_TRIED_MAX = 1000;

/** The least that must be free for the last of a line to get what it asks for, once all before it have had their turn. */
export function leastFree(line: readonly Waiter[], bypass_max: number): number {
  const enough = line.reduce((sum, { slots }) => sum + slots, 0);
  let free = bypass_max === 0 ? enough : (line.at(-1)?.slots ?? 0);
  for (let tried = 0; free < enough; tried += 1) {
    const missing = tried < SIZES_TRIED_MAX ? findMissing(line, free, bypass_max) : enough - free;
    if (missing === 0) return free;
    free += missing;
  }
  return enough;
}

/** 0 where the last of a line is served when so much is free; else how much more changes what anybody gets. */
function findMissing(line: readonly Waiter[], free: number, bypass_max: number): number {
  const state = startWalk(free);
  let missing = Number.POSITIVE_INFINITY;
  let isServed = false;
  for (const waiter of line) {
    // Whoever is before it comes and takes what is offered to it; only a run is given it in the walk itself.
    const taker: Waiter = { ...waiter, caller: "run", offered_at: null };
    const sighting = { is_here: true, is_ended: false, is_asking: false };
    isServed = stepLine(state, taker, sighting, 0, { bypass_max }) === "grant";
    if (isServed) countPassed(state.blocked);
    else if (waiter.slots > state.budget) missing = Math.min(missing, waiter.slots - state.budget);
  }
  return isServed ? 0 : missing;
}

/** Tells whether `left` stands before `right`. */
export function isBefore(
  left: { priority: number; seq: number },
  right: { priority: number; seq: number },
): boolean {
  return left.priority < right.priority || (left.priority === right.priority && left.seq < right.seq);
}

/** What a walk has done with one waiter, and how often that one had been passed before. */
export interface LineStep extends Pick<Waiter, "waiter_key" | "priority" | "seq" | "slots" | "passed"> {
  action: LineAction;
}

/**
 * Looks back at a walk: I8, each step is behind the one before, and nobody is given or offered anything behind one who may
 * not be passed any more; I7, the first who is there does not wait while what it asks for is free.
 */
export function findBrokenOrder(
  steps: readonly LineStep[],
  free: number,
  bypass_max: number,
): { invariant: "I7" | "I8"; message: string } | undefined {
  const passed = new Map<LineStep, number>();
  let before: LineStep | undefined;
  let first: LineStep | undefined;
  for (const step of steps) {
    if (before !== undefined && isBefore(step, before))
      return { invariant: "I8", message: `${step.waiter_key} was met behind ${before.waiter_key}` };
    before = step;
    if (step.action !== "drop" && step.action !== "park") first ??= step;
    if (step.action === "block") passed.set(step, step.passed);
    if (step.action !== "take" && step.action !== "grant" && step.action !== "offer") continue;
    for (const [blocked, times] of passed) {
      if (times >= bypass_max)
        return { invariant: "I8", message: `${step.waiter_key} passes ${blocked.waiter_key}` };
      if (step.action !== "offer") passed.set(blocked, times + 1);
    }
  }
  return first?.action === "block" && first.slots <= free
    ? { invariant: "I7", message: `${first.waiter_key} is first, and waits beside ${free} free slots` }
    : undefined;
}

function noteDeadline(state: LineState, at: number): void {
  if (at < state.next_at) state.next_at = at;
}
