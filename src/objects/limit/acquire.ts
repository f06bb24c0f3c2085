/** Acquires of one limit: who may go now, who keeps a place in line, and whose request is held. */
import { EXPECTED_BACK_SECONDS, HOLD_SECONDS_MAX } from "../../contract/bounds.ts";
import { accept, refuse, TOO_MANY_SLOTS } from "../../contract/errors.ts";
import type { Grant, Waiting } from "../../contract/wire/limits.ts";
import { doesDecay } from "../../domain/limit/decay.ts";
import { keyOfPrefect, keyOfRequest } from "../../domain/limit/naming.ts";
import type { Waiter } from "../../domain/limit/types.ts";
import type { Answer } from "../shared/actor.ts";
import type { LimitCore } from "./core.ts";
import type { Ears } from "./ears.ts";
import type { Joints } from "./joint.ts";
import { SOCKET_HEARD_MS, UNPLACED, type Line } from "./line.ts";
import type { AcquireCommand } from "./operations.ts";
import { ATTEMPT_GONE, LIMIT_NOT_FOUND, REQUEST_GONE } from "./refusals.ts";
import type { LimitStore } from "./store.ts";
import { describeOffer } from "./waiting.ts";

/** A caller of ours who polls is told to come back after this long. */
export const REQUEST_RETRY_SECONDS = 1;
/** A caller of Prefect's who was held in vain, or early, comes back after this long. */
const PREFECT_RETRY_SECONDS = 0.2;
/** The older request of a client that has two open. */
const SUPERSEDED_RETRY_SECONDS = 1;
const RUN_HEARD_MS = 86_400_000;

export class Acquires {
  readonly #core: LimitCore;
  readonly #store: LimitStore;
  readonly #line: Line;
  readonly #ears: Ears;
  readonly #joints: Joints;
  /** Asks for a turn that ends a hold. */
  readonly #holdEnded: (waiter_key: string, retry_seconds: number) => void;

  constructor(
    core: LimitCore,
    line: Line,
    ears: Ears,
    joints: Joints,
    holdEnded: (waiter_key: string, retry_seconds: number) => void,
  ) {
    this.#core = core;
    this.#store = core.store;
    this.#line = line;
    this.#ears = ears;
    this.#joints = joints;
    this.#holdEnded = holdEnded;
  }

  /** A grant, a place in line, or a promise of either for a request that is held. */
  acquire(command: AcquireCommand, now: number): Answer<Grant | Waiting> {
    const config = this.#core.config;
    if (config === undefined) return refuse("not_found", LIMIT_NOT_FOUND);
    const { caller, run, slots, lease_seconds } = command;
    if (run !== null && this.#store.ended.has("attempt", run.attempt_id, now))
      return refuse("gone", ATTEMPT_GONE);
    const isNamed = caller.type !== "prefect" && caller.type !== "anonymous";
    const known = isNamed ? this.#store.leases.recall(command.request_id, now) : undefined;
    if (known !== undefined) {
      const lease = known.is_held ? this.#store.leases.findOfRequest(command.request_id) : undefined;
      if (lease !== undefined)
        return accept(
          this.#joints.replay(lease, now) ?? this.#core.grantOf(config, lease, lease_seconds, now),
        );
      if (known.has_ended) return refuse("gone", REQUEST_GONE);
      // No lease tells of what a limit that decays has given.
      if (doesDecay(config) && this.#store.ended.has("use", command.request_id, now))
        return accept(this.#core.grantOf(config, null, lease_seconds, now));
    }
    if (command.is_once_per_holder === true && command.holder) {
      const known = this.#store.leases
        .listOfHolder(command.holder)
        // What is reserved is not held yet.
        .filter(({ kind }) => kind !== "reserved")
        .map(
          (lease) => this.#joints.replay(lease, now) ?? this.#core.grantOf(config, lease, lease_seconds, now),
        );
      const limits = known.flatMap((grant) => grant.limits);
      const names = new Set(limits.map(({ name }) => name));
      if (known[0] !== undefined && command.names.every((name) => names.has(name)))
        return accept({ ...known[0], limits });
    }
    if (command.members.length > 1)
      return this.#joints.acquire(command, this.#waiterKeyOf(command) || `once:${command.request_id}`, now);
    if (!config.active) return accept(this.#core.grantOf(config, null, lease_seconds, now));
    if (command.mode === "rate_limit" && !doesDecay(config))
      return refuse(
        "invalid",
        `Only concurrency limits with slot decay can be used for rate limiting. The following limits do not have a decay configured: '${config.name}'`,
      );
    if (slots > config.limit) return refuse("invalid", TOO_MANY_SLOTS);

    const waiter_key = this.#waiterKeyOf(command);
    const stored =
      waiter_key === "" || this.#line.isEmpty() ? undefined : this.#store.waiters.find(waiter_key);
    const waiter: Waiter = stored ?? {
      lane: 0,
      priority: command.priority,
      seq: UNPLACED,
      waiter_key,
      caller: caller.type === "anonymous" ? "request" : caller.type,
      request_id: isNamed ? command.request_id : null,
      slots,
      lease_seconds,
      arrived_at: now,
      estimated_ms: null,
      present_until: now,
      retry_at: now,
      offered_at: null,
      passed: 0,
      pool_key: caller.type === "run" ? caller.pool_key : null,
      holder: command.holder ?? null,
      run,
      note: command.note ?? null,
    };
    const kind = command.is_anonymous === true ? "anonymous" : "lease";
    const taken = this.#line.walk(now, {
      waiter: { ...waiter, lane: 0 },
      is_stored: stored !== undefined && stored.lane === 0,
      kind,
      occupied: known?.occupied,
    });
    if (taken !== undefined) {
      if (stored?.lane === 1) this.#line.remove(stored);
      if (taken.lease === null && isNamed) this.#core.remember("use", command.request_id, now);
      const grant = accept(this.#core.grantOf(this.#core.config ?? config, taken.lease, lease_seconds, now));
      // A request of this waiter that is still held must ask again; a socket with its request id hears the same.
      this.#ears.endHeld(waiter_key, accept(describeOffer(this.#core)));
      if (isNamed && stored !== undefined && caller.type !== "socket") this.#ears.answer(waiter_key, grant);
      return grant;
    }
    return this.#wait(command, waiter, stored, now);
  }

  /** The key by which a caller stands in line; empty for one who cannot be told apart from others. */
  #waiterKeyOf({ caller, names, slots, mode, holder, request_id }: AcquireCommand): string {
    if (caller.type === "anonymous") return "";
    return caller.type === "prefect"
      ? keyOfPrefect(caller.csrf_client, names, slots, mode, holder?.id ?? null)
      : keyOfRequest(request_id);
  }

  /** Keeps the place of a caller who cannot go yet, and holds the request if it may be held. */
  #wait(
    command: AcquireCommand,
    waiter: Waiter,
    stored: Waiter | undefined,
    now: number,
  ): Answer<Grant | Waiting> {
    const { caller } = command;
    if (caller.type === "anonymous")
      return refuse("locked", undefined, {
        retry_after_seconds: (500 + (this.#core.host.randomUint(16) % 1000)) / 1000,
      });
    if (stored === undefined && this.#line.isFull())
      return refuse("overloaded", undefined, { retry_after_seconds: 5 });
    const { waiter_key } = waiter;
    let hold_seconds = Math.min(command.wait_seconds, HOLD_SECONDS_MAX);
    let retry_seconds = caller.type === "prefect" ? PREFECT_RETRY_SECONDS : REQUEST_RETRY_SECONDS;
    if (caller.type === "prefect") {
      const isFirst = stored === undefined || now > stored.retry_at + EXPECTED_BACK_SECONDS * 1000;
      const isEarly =
        stored !== undefined && now < stored.retry_at && !this.#ears.isHere(waiter_key) && stored.lane === 0;
      if (isEarly) {
        // Another task of the same client: the place is there already, and its own request will be back. While that
        // one is held, the newer request takes over instead: the older may be of a process that gave up.
        const left = (stored.retry_at - now) / 1000;
        return accept(this.#line.describe(stored, Math.min(left, SUPERSEDED_RETRY_SECONDS), now));
      }
      if (isFirst) {
        hold_seconds = 0;
        retry_seconds = caller.first_retry_after_seconds;
      }
    }
    const hold_ms = Math.round(hold_seconds * 1000);
    const retry_at = now + hold_ms + Math.round(retry_seconds * 1000);
    const present_until =
      caller.type === "socket"
        ? now + SOCKET_HEARD_MS
        : caller.type === "run"
          ? now + RUN_HEARD_MS
          : retry_at + EXPECTED_BACK_SECONDS * 1000;
    // It may come back another way: what it can be told depends on how it waits now.
    let updated: Waiter = {
      ...waiter,
      caller: caller.type,
      lane: 0,
      offered_at: null,
      retry_at,
      present_until,
    };
    if (stored === undefined) updated = this.#line.insert(updated);
    else this.#store.waiters.update(stored, updated);
    // A newer request of the same waiter, or of the same client, ends the older one.
    this.#ears.endHeld(waiter_key, accept(this.#line.describe(updated, SUPERSEDED_RETRY_SECONDS, now)));
    if (caller.type === "socket" || caller.type === "run" || hold_ms === 0)
      return accept(this.#line.describe(updated, retry_seconds, now));
    const csrf_client = caller.type === "prefect" ? caller.csrf_client : null;
    const older = csrf_client === null ? undefined : this.#ears.heldOfClient(csrf_client);
    if (older !== undefined) this.endHold(older, SUPERSEDED_RETRY_SECONDS, now);
    return this.#ears.hold(
      waiter_key,
      hold_ms,
      { csrf_client, attempt_id: command.run?.attempt_id ?? null },
      () => this.#holdEnded(waiter_key, retry_seconds),
    );
  }

  /** Ends the hold of a request that was not answered in its time. */
  endHold(waiter_key: string, retry_seconds: number, now: number): void {
    const waiter = this.#store.waiters.find(waiter_key);
    if (waiter === undefined) {
      if (this.#joints.endHold(waiter_key, now)) return;
      this.#ears.answer(waiter_key, refuse("unavailable", undefined, { retry_after_seconds: 1 }));
      return;
    }
    const retry_at = now + Math.round(retry_seconds * 1000);
    if (retry_at < waiter.retry_at)
      this.#store.waiters.update(waiter, {
        ...waiter,
        retry_at,
        present_until: retry_at + EXPECTED_BACK_SECONDS * 1000,
      });
    this.#ears.answer(waiter_key, accept(this.#line.describe(waiter, retry_seconds, now)));
  }
}
