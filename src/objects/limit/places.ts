/** Tells those who wait on a socket when their place in line has changed. */
import { accept } from "../../contract/errors.ts";
import type { Waiting } from "../../contract/wire/limits.ts";
import type { Waiter } from "../../domain/limit/types.ts";
import type { LimitCore } from "./core.ts";
import type { Ears } from "./ears.ts";
import { describeWaiting, lookAround, POSITION_MAX } from "./waiting.ts";

/** The front of the line hears of its places this often at most, while the line moves … */
const FRONT_MS = 1000;
const FRONT_WAITERS = 100;
/** … and the rest of it this often; beyond that places are not counted. */
const ALL_MS = 10_000;
/** Who leaves is often followed by others at once. */
const GATHER_MS = 100;
/** Should the socket break: ask again on another after this long. */
const SOCKET_RETRY_SECONDS = 1;

/**
 * A move of the line costs nothing but a timer; what is read and sent then depends on the time that has passed, not on
 * the length of the line or on how often it moved.
 */
export class Places {
  readonly #core: LimitCore;
  readonly #ears: Ears;
  /** Asks for a turn that calls {@link Places.tell}. */
  readonly #tellSoon: () => void;
  /** What each socket was told last. */
  #told = new Map<string, string>();
  #timer: { at: number; cancel: () => void } | undefined;
  #front_at = 0;
  #all_at = 0;
  /** Unknown to a new instance, so it looks once. */
  #hasListeners = true;

  constructor(core: LimitCore, ears: Ears, tellSoon: () => void) {
    this.#core = core;
    this.#ears = ears;
    this.#tellSoon = tellSoon;
  }

  /** A waiter on a socket is told this as the answer to what it asked. */
  noteTold(waiter: Waiter, told: Waiting): void {
    this.#hasListeners = true;
    this.#told.set(waiter.waiter_key, summarize(told));
  }

  /** Somebody left the line, or stepped in before others. */
  noteMoved(now: number): void {
    if (this.#hasListeners) this.#tellAt(Math.max(now + GATHER_MS, this.#front_at + FRONT_MS), now);
  }

  /** Tells all whose place has changed since they were told. */
  tell(now: number): void {
    this.#timer = undefined;
    const isForAll = now >= this.#all_at + ALL_MS;
    const line = this.#core.store.waiters.listLine(undefined, isForAll ? POSITION_MAX : FRONT_WAITERS);
    this.#front_at = now;
    if (isForAll) this.#all_at = now;
    else if (line.length === FRONT_WAITERS) this.#tellAt(this.#all_at + ALL_MS, now);
    const told = isForAll ? new Map<string, string>() : this.#told;
    this.#hasListeners = line.length === POSITION_MAX;
    const scene = lookAround(this.#core, now);
    for (const [index, waiter] of line.entries()) {
      if (waiter.caller !== "socket" || !this.#ears.hasSocket(waiter.waiter_key)) continue;
      this.#hasListeners = true;
      const waiting = describeWaiting(this.#core, waiter, index + 1, scene, SOCKET_RETRY_SECONDS);
      const summary = summarize(waiting);
      if (this.#told.get(waiter.waiter_key) !== summary) this.#ears.tell(waiter.waiter_key, accept(waiting));
      told.set(waiter.waiter_key, summary);
    }
    this.#told = told;
  }

  #tellAt(at: number, now: number): void {
    if (this.#timer !== undefined && this.#timer.at <= at) return;
    this.#timer?.cancel();
    this.#timer = { at, cancel: this.#ears.after(Math.max(1, at - now), this.#tellSoon) };
  }
}

function summarize({ position, reason }: Waiting): string {
  return `${position}:${reason}`;
}
