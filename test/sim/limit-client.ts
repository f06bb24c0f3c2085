/** How slots are taken, kept and given back: by our SDK over held requests or a socket, by Prefect's clients over HTTP. */
import { LEASE_SECONDS_MAX } from "../../src/contract/bounds.ts";
import { marginOfLease } from "../../src/contract/margins.ts";
import type { Result } from "../../src/contract/errors.ts";
import type { Grant, Holder, RunIdentity, Waiting } from "../../src/contract/wire/limits.ts";
import type { AcquireCommand, Caller, LimitOperations } from "../../src/objects/limit/operations.ts";
import { type Holdings, markOf } from "./holdings.ts";
import type { SimLimit } from "./limits.ts";
import type { SimProcess } from "./process.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

/** What somebody wants, and how it asks for it. */
export interface Wish {
  /** "task run" and "by hand": Prefect's clients that know no leases, with a tag's limit or one that is counted by hand. */
  kind: "held requests" | "socket" | "prefect" | "task run" | "by hand";
  /** For slots that are held, where it is absent. */
  mode?: AcquireCommand["mode"] | undefined;
  /** In ascending order of their keys. */
  limits: readonly SimLimit[];
  slots: number;
  /** A lower one goes first; 0 where it is absent. */
  priority?: number | undefined;
  lease_seconds: number;
  /** For how long it waits for its turn before it gives up, on average; for ever where it is absent. */
  patience_ms?: number | undefined;
  /** On whose behalf. */
  run: RunIdentity | null;
}

export interface LimitClientLinks {
  /** Where the process may die; true when it is dead. */
  mayDie(process: SimProcess): boolean;
  /** An acquire goes out. */
  onAsk?(limits: readonly SimLimit[]): void;
}

/** A grant that somebody has. */
export interface Taken {
  grant: Grant;
  /** From when the lease counts, by the caller's clock: never later than the server's. */
  counts_from: number;
}

const REQUEST_MS = 35_000;
const SOCKET_PATIENCE_MS = 60_000;
const RENEW_MS = 10_000;
const WITHDRAW_MS = 3000;

export class LimitClient {
  readonly #world: World;
  readonly #holdings: Holdings;
  readonly #random: Random;
  readonly #wish: Wish;
  readonly #links: LimitClientLinks;
  #asked = 0;
  /** Of whom it asks now, or has asked last. */
  task_run_id: string | undefined;

  constructor(world: World, holdings: Holdings, random: Random, wish: Wish, links: LimitClientLinks) {
    [this.#world, this.#holdings, this.#random, this.#wish, this.#links] = [
      world,
      holdings,
      random,
      wish,
      links,
    ];
  }

  get #home(): SimLimit {
    const [home] = this.#wish.limits;
    if (home === undefined) throw new Error("Nothing is wanted.");
    return home;
  }

  #mayDie(process: SimProcess): boolean {
    return this.#links.mayDie(process);
  }

  /** Waits for its turn; undefined when there is none to be had now, or its patience is at its end. */
  async take(process: SimProcess): Promise<Taken | undefined> {
    const { kind, patience_ms } = this.#wish;
    if (kind === "task run") this.task_run_id = this.#random.uuid();
    if (kind !== "held requests" && kind !== "socket") return this.#takeAsPrefect(process);
    const request_id = `${process.name}/${(this.#asked += 1)}`;
    const giveUp = new AbortController();
    const taking = this.#takeUnder(process, request_id, giveUp.signal);
    if (patience_ms === undefined) return taking;
    const patience = process.sleep(this.#random.exponential(patience_ms)).then(() => "over" as const);
    const outcome = await Promise.race([taking, patience]);
    if (outcome !== "over") return outcome;
    giveUp.abort();
    await this.#withdraw(process, request_id);
    return undefined;
  }

  /** Leaves the line, as our SDK does: at every limit, twice at most. */
  async #withdraw(process: SimProcess, request_id: string): Promise<void> {
    this.#world.say(process.name, `gives up ${request_id}`);
    await Promise.all(
      this.#wish.limits.map(async (limit) => {
        for (let tries = 0; tries < 2; tries += 1) {
          const answer = await limit.ask(process, "withdraw", { request_id }, WITHDRAW_MS);
          if (answer?.ok === true) return;
          await process.sleep(100);
        }
      }),
    );
  }

  /** What comes after it has given up is nobody's any more. */
  async #takeUnder(process: SimProcess, request_id: string, over: AbortSignal): Promise<Taken | undefined> {
    const ask = (wait_seconds: number) => this.#ask(process, { type: "request" }, request_id, wait_seconds);
    for (let wait_seconds = 0; ;) {
      const sent_at = process.now;
      const answer = await ask(wait_seconds);
      if (over.aborted) return undefined;
      if (this.#mayDie(process)) return process.hear(new Promise(() => {}));
      if (answer?.ok === true && answer.value.status === "granted")
        return { grant: answer.value, counts_from: sent_at };
      if (answer?.ok === false && answer.error.code === "gone") return undefined;
      if (answer?.ok === false && !isRetryable(answer)) {
        await process.sleep(5000);
        return undefined;
      }
      if (answer?.ok !== true) {
        await process.sleep(1000);
        continue;
      }
      if (this.#wish.kind === "socket") {
        const taken = await this.#takeOnSocket(process, request_id, over);
        if (over.aborted) return undefined;
        if (taken === "ended") return undefined;
        if (taken !== undefined) return taken;
        wait_seconds = 0;
      } else {
        const { reason, retry_after_seconds } = answer.value as Waiting;
        wait_seconds = Math.min(25, this.#wish.lease_seconds / 2);
        if (reason !== "offered" && process.now - sent_at < 1000)
          await process.sleep(retry_after_seconds * 1000);
      }
    }
  }

  /** Waits on one socket and takes there what is offered. Undefined: it was closed. */
  async #takeOnSocket(
    process: SimProcess,
    request_id: string,
    over: AbortSignal,
  ): Promise<Taken | "ended" | undefined> {
    const { promise, resolve } = Promise.withResolvers<Taken | "ended" | undefined>();
    let counts_from = process.now;
    let isTaking = false;
    const listen = (answer: Result<Grant | Waiting>): void => {
      if (!answer.ok) resolve(answer.error.code === "gone" ? "ended" : undefined);
      else if (answer.value.status === "granted") resolve({ grant: answer.value, counts_from });
      else if (answer.value.reason !== "offered") isTaking = false;
      else if (!isTaking) {
        isTaking = true;
        counts_from = process.now;
        socket.take();
      }
    };
    const socket = this.#home.connect(process, this.#command({ type: "socket" }, request_id, 0), {
      onFrame: (answer) => void process.hear(Promise.resolve(answer)).then(listen),
      onClose: () => resolve(undefined),
    });
    process.mayFreezeWaiting();
    const cancel = this.#world.timeline.after(this.#world.tempo * SOCKET_PATIENCE_MS, () =>
      resolve(undefined),
    );
    over.addEventListener("abort", () => resolve(undefined));
    const heard = await process.hear(promise);
    cancel();
    if (over.aborted) {
      socket.close();
      return undefined;
    }
    if (this.#mayDie(process)) {
      socket.close();
      return process.hear(new Promise(() => {}));
    }
    if (heard !== undefined) return heard;
    socket.close();
    await process.sleep(100 + this.#random.int(0, 200));
    return undefined;
  }

  async #takeAsPrefect(process: SimProcess): Promise<Taken | undefined> {
    const caller: Caller = { type: "prefect", csrf_client: process.name, first_retry_after_seconds: 0.2 };
    for (;;) {
      const sent_at = process.now;
      const answer = await this.#ask(process, caller, `${process.name}/${(this.#asked += 1)}`, 25);
      if (this.#mayDie(process)) return process.hear(new Promise(() => {}));
      if (answer?.ok === true && answer.value.status === "granted")
        return { grant: answer.value, counts_from: sent_at };
      if (answer?.ok === false && !isRetryable(answer)) {
        await process.sleep(5000);
        return undefined;
      }
      const seconds =
        answer === undefined
          ? 1
          : answer.ok
            ? (answer.value as Waiting).retry_after_seconds
            : (answer.error.retry_after_seconds ?? 1);
      await process.sleep(seconds * 1000);
    }
  }

  /** Works until it is done or its time is over, renewing at half the lease, and gives back. */
  async hold(process: SimProcess, { grant, counts_from }: Taken, hold_ms: number): Promise<void> {
    const plan = this.#wish;
    if (plan.kind === "by hand") {
      await process.sleep(hold_ms);
      if (this.#mayDie(process)) await process.hear(new Promise(() => {}));
      await this.#countDown(process);
      return;
    }
    const lease_ms = this.#lease_seconds * 1000;
    const margin_ms = 1000 * marginOfLease(this.#lease_seconds);
    const shares = grant.limits.flatMap(({ name, fence }) => {
      const limit = plan.limits.find((other) => other.name === name);
      return limit === undefined || fence === null ? [] : [[limit, fence] as const];
    });
    const holding = {
      owner: process,
      lease_id: grant.lease_id,
      fences: new Map(shares),
      attempt_id: plan.run?.attempt_id,
      // A home that decays has a fence of its own for all of it.
      marks: [
        markOf(this.#home.name, grant.fence),
        ...grant.limits.map(({ name, fence }) => markOf(name, fence)),
      ],
      slots: plan.slots,
      since: Math.min(
        this.#world.now,
        ...shares.map(([{ watch }, fence]) => watch.given_at.get(fence) ?? this.#world.now),
      ),
      until: counts_from + grant.expires_in_seconds * 1000 - margin_ms,
      isOver: false,
    };
    this.#world.say(process.name, `holds fence ${grant.fence}`);
    this.#world.count("held");
    this.#holdings.begin(holding);
    const done_at = process.now + hold_ms;
    let failures = 0;
    while (process.now < Math.min(done_at, holding.until)) {
      const renew_at =
        plan.kind === "task run"
          ? done_at
          : failures === 0
            ? holding.until + margin_ms - lease_ms / 2
            : process.now + Math.min(2000, 250 * 2 ** failures);
      await process.sleep(Math.max(1, Math.min(done_at, holding.until, renew_at) - process.now));
      if (this.#mayDie(process)) {
        this.#holdings.end(holding);
        return process.hear(new Promise(() => {}));
      }
      if (process.now < renew_at || process.now >= Math.min(done_at, holding.until)) continue;
      const sent_at = process.now;
      const timeout = Math.min(RENEW_MS, holding.until - process.now);
      const renewed = await this.#home.ask(
        process,
        "renew",
        { lease_id: grant.lease_id, lease_seconds: null },
        process.trueMs(timeout),
      );
      if (renewed?.ok === false && renewed.error.code === "gone") {
        if (process.now < holding.until && !this.#holdings.isTaken(holding))
          this.#world.fail("I10", `${process.name} was told that its lease has ended before its time`, {
            grant,
            left_ms: holding.until - process.now,
            rate: process.rate,
          });
        break;
      }
      if (renewed?.ok === true && renewed.value.expires_in_seconds < this.#lease_seconds)
        this.#world.fail("I10", `${process.name} renewed its lease and got less than it asked for`, {
          lease_seconds: this.#lease_seconds,
          ...renewed.value,
        });
      failures = renewed?.ok === true ? 0 : failures + 1;
      if (renewed?.ok === true && process.now < holding.until)
        holding.until = sent_at + renewed.value.expires_in_seconds * 1000 - margin_ms;
    }
    this.#holdings.end(holding);
    const holder = this.#holder;
    if (holder === undefined)
      await this.#insist(process, this.#home, "release", { lease_id: grant.lease_id });
    else
      await Promise.all(
        plan.limits.map((limit) => this.#insist(process, limit, "release_holder", { holder })),
      );
  }

  /** Asks until it is answered, or thrice. */
  async #insist<Operation extends "release" | "release_holder">(
    process: SimProcess,
    limit: SimLimit,
    operation: Operation,
    command: LimitOperations[Operation]["command"],
  ): Promise<void> {
    for (let tries = 0; tries < 3; tries += 1) {
      const answer = await limit.ask(process, operation, command, 5000);
      if (answer?.ok === true) return;
      await process.sleep(500);
    }
  }

  /** Said once: whoever says it twice gives back what is another's. */
  async #countDown(process: SimProcess): Promise<void> {
    const { limits, slots } = this.#wish;
    await Promise.all(limits.map((limit) => limit.ask(process, "decrement", { slots }, 5000)));
  }

  get #holder(): Holder | undefined {
    return this.task_run_id === undefined ? undefined : { type: "task_run", id: this.task_run_id };
  }

  /** Who knows no leases gives back by itself. */
  get #lease_seconds(): number {
    const { kind, lease_seconds } = this.#wish;
    return kind === "task run" || kind === "by hand" ? LEASE_SECONDS_MAX : lease_seconds;
  }

  #ask(
    process: SimProcess,
    caller: Caller,
    request_id: string,
    wait_seconds: number,
  ): Promise<Result<Grant | Waiting> | undefined> {
    this.#links.onAsk?.(this.#wish.limits);
    return this.#home.ask(process, "acquire", this.#command(caller, request_id, wait_seconds), REQUEST_MS);
  }

  #command(caller: Caller, request_id: string, wait_seconds: number): AcquireCommand {
    const { kind, limits, slots, mode = "concurrency", priority = 0, run } = this.#wish;
    return {
      names: limits.map(({ name }) => name),
      members: limits.map(({ name, key }) => ({ name, key })),
      request_id,
      slots,
      mode,
      lease_seconds: this.#lease_seconds,
      wait_seconds,
      // Prefect's clients know none.
      priority: caller.type === "prefect" ? 0 : priority,
      caller,
      run,
      ...(kind === "by hand" && { is_anonymous: true }),
      ...(kind === "task run" && { holder: this.#holder, is_once_per_holder: true }),
    };
  }
}

/** Whether the same call may succeed later. */
function isRetryable(answer: Result<unknown> & { ok: false }): boolean {
  return (
    answer.error.code === "unavailable" ||
    answer.error.code === "overloaded" ||
    answer.error.code === "locked"
  );
}
