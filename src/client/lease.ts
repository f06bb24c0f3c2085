/** What a holder holds. */
import { GRACE_SECONDS } from "../contract/bounds.ts";
import { marginToStop } from "../contract/margins.ts";
import type { Grant, GrantedLimit } from "../contract/wire/limits.ts";
import { leaseKeeper } from "./lease-keeper.ts";
import { LeaseClock } from "./lease-clock.ts";
import { monotonicMs } from "./monotonic.ts";
import type { LossReason } from "./renewal.ts";
import { Limits } from "./resources/limits.ts";
import { PATIENT_RETRIES, type Http } from "./http.ts";

/** Slots that are held until they are released, or until the lease is lost. */
export interface Lease extends AsyncDisposable {
  readonly id: string;
  /** The limits that were found and taken; empty when none of the names exists. */
  readonly limits: readonly GrantedLimit[];
  /** Rises with every grant of the limit: whoever guards a resource can refuse an older one. Null where nothing is held. */
  readonly fence: number | null;
  /** The named slots that this grant is, over all its limits; empty where slots have no names. */
  readonly slotNames: readonly string[];
  /** How long the caller waited for it. */
  readonly waitedSeconds: number;
  /** Aborted with a {@link LeaseLostError} shortly before somebody else may hold the slots. Stop the work then. */
  readonly signal: AbortSignal;
  readonly isLost: boolean;
  /** Seconds until the signal is aborted, unless the lease is renewed before. */
  readonly leftSeconds: number;
  /** Gives the slots back. Never throws; a second call does nothing. */
  release(): Promise<void>;
}

/** The lease ended while its holder was at work. */
export class LeaseLostError extends Error {
  readonly leaseId: string;
  readonly reason: LossReason;
  constructor(names: readonly string[], leaseId: string, reason: LossReason, cause?: unknown) {
    super(
      reason === "ended_by_server"
        ? `The lease on ${names.join(", ")} was ended by the server while the work went on.`
        : `The lease on ${names.join(", ")} could not be renewed in time: the server did not answer.`,
      cause === undefined ? undefined : { cause },
    );
    this.name = "LeaseLostError";
    this.leaseId = leaseId;
    this.reason = reason;
  }
}

/** A release outlives a restart of the server; one that is not heard in this time leaves the slots to the lease's end. */
const RELEASE_MS = 40_000;
const RELEASE_MS_LEAST = 5000;
const RELEASE_TRY_SECONDS = 5;

export interface LeaseTerms {
  names: readonly string[];
  lease_seconds: number;
  stop_seconds: number;
  /** The moment, on the monotonic clock, from which the grant's time counts. */
  countsFromMs: number;
  waitedSeconds: number;
}

/** A lease that is kept alive until it is released. */
export class HeldLease implements Lease {
  readonly id: string;
  readonly limits: readonly GrantedLimit[];
  readonly fence: number | null;
  readonly slotNames: readonly string[];
  readonly waitedSeconds: number;
  readonly signal: AbortSignal;
  readonly #http: Http;
  readonly #names: readonly string[];
  readonly #clock = new LeaseClock();
  readonly #controller = new AbortController();
  readonly #marginMs: number;
  #lostBecause: LossReason | undefined;
  #released: Promise<void> | undefined;

  constructor(http: Http, grant: Grant, terms: LeaseTerms) {
    this.#http = http;
    this.#names = terms.names;
    this.id = grant.lease_id;
    this.limits = grant.limits;
    this.fence = grant.fence;
    this.slotNames = grant.limits.flatMap(({ slot_names }) => slot_names ?? []);
    this.waitedSeconds = terms.waitedSeconds;
    this.signal = this.#controller.signal;
    this.#marginMs = marginToStop(terms.lease_seconds, terms.stop_seconds) * 1000;
    this.#clock.deadlineMs = terms.countsFromMs + grant.expires_in_seconds * 1000;
    if (grant.limits.length === 0) return;
    leaseKeeper.keep(
      {
        lease_id: this.id,
        url: http.apiUrl + new Limits(http).renewPath(this.id),
        headers: { ...http.headers },
        watch_url: http.socketUrl(new Limits(http).watchPath(this.id)),
        lease_seconds: terms.lease_seconds,
        margin_ms: this.#marginMs,
        memory: this.#clock.memory,
      },
      (reason) => this.#lose(reason),
    );
  }

  /** Also true when the time is over and this thread was too busy to be told. */
  get isLost(): boolean {
    if (this.limits.length === 0 || this.#released !== undefined) return this.#lostBecause !== undefined;
    return this.#lostBecause !== undefined || this.#clock.isLost || monotonicMs() >= this.#clock.deadlineMs;
  }

  get leftSeconds(): number {
    return Math.max(0, (this.#clock.deadlineMs - this.#marginMs - monotonicMs()) / 1000);
  }

  /** The error that tells of the loss. */
  describeLoss(cause?: unknown): LeaseLostError {
    return new LeaseLostError(this.#names, this.id, this.#lostBecause ?? "expired", cause);
  }

  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #release(): Promise<void> {
    leaseKeeper.drop(this.id);
    if (this.limits.length === 0) return;
    const leftMs = Math.ceil(this.#clock.deadlineMs - monotonicMs());
    try {
      await new Limits(this.#http).release(this.id, {
        timeoutSeconds: RELEASE_TRY_SECONDS,
        retries: PATIENT_RETRIES,
        signal: AbortSignal.timeout(Math.max(RELEASE_MS_LEAST, Math.min(RELEASE_MS, leftMs))),
      });
    } catch (error) {
      const left = Math.max(0, Math.ceil((this.#clock.deadlineMs - monotonicMs()) / 1000)) + GRACE_SECONDS;
      process.emitWarning(
        `The slots of ${this.#names.join(", ")} could not be given back (${String(error)}); the server frees them within ${left} s.`,
        { type: "SluiceWarning" },
      );
    }
  }

  #lose(reason: LossReason): void {
    if (this.#released !== undefined) return;
    this.#lostBecause = reason;
    this.#controller.abort(this.describeLoss());
  }
}
