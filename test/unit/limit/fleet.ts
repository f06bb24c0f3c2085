/** Several limits that reach each other through a network that drops, repeats and delays. */
import fc from "fast-check";
import { expect } from "vitest";
import type { Envelope } from "../../../src/contract/envelope.ts";
import { refuse, type Result } from "../../../src/contract/errors.ts";
import { LimitWorld, START, type Asking } from "../../support/limit-world.ts";

export type Fault = "none" | "drop" | "lose answer" | "twice" | "crash target" | "crash caller";

export const fault = fc.constantFrom<Fault>(
  "none",
  "drop",
  "lose answer",
  "twice",
  "crash target",
  "crash caller",
);

export class Fleet {
  readonly clock = { now: START };
  readonly limits: LimitWorld[];
  faults: Fault[] = [];
  /** Runs when a target has answered and the caller has not heard of it yet. */
  onAnswered: (envelope: Envelope) => Promise<void> = () => Promise.resolve();

  constructor(names: string[]) {
    this.limits = names
      .map((name) => new LimitWorld(name, this.clock, (envelope) => this.#carry(envelope)))
      .toSorted((left, right) => (left.key < right.key ? -1 : 1));
  }

  async #carry(envelope: Envelope): Promise<Result<unknown>> {
    const target = this.limits.find(({ key }) => key === envelope.address.key);
    if (target === undefined) return { ok: true, value: null };
    const fault = this.faults.shift() ?? "none";
    if (fault === "drop") return refuse("unavailable");
    if (fault === "crash target") {
      await target.restart();
      return refuse("unavailable");
    }
    const result = await target.actor.execute(envelope);
    await this.onAnswered(envelope);
    if (fault === "twice") return target.actor.execute(envelope);
    if (fault === "lose answer") return refuse("unavailable");
    if (fault === "crash caller") {
      const caller = this.limits.find(({ key }) => envelope.actor.endsWith(key));
      await caller?.restart();
    }
    return result;
  }

  get home(): LimitWorld {
    return this.limits[0] ?? expect.fail("no limits");
  }

  async create(limit: number): Promise<this> {
    for (const each of this.limits) await each.must("create", { name: each.name, limit });
    return this;
  }

  acquire(asking: Asking) {
    return this.home.acquire({
      ...asking,
      names: this.limits.map(({ name }) => name),
      members: this.limits.map(({ name, key }) => ({ name, key })),
    });
  }

  async quiet(): Promise<void> {
    for (let round = 0; round < 6; round += 1) for (const limit of this.limits) await limit.quiet();
  }

  /** Time passes for all of them, a piece at a time. */
  async pass(ms: number, piece = 250): Promise<void> {
    const end = this.clock.now + ms;
    while (this.clock.now < end) {
      const at = Math.min(end, this.clock.now + piece);
      const start = this.clock.now;
      for (const limit of this.limits) {
        this.clock.now = start;
        await limit.pass(at - start);
      }
      this.clock.now = at;
      await this.quiet();
    }
  }

  async inUse(): Promise<number[]> {
    return Promise.all(this.limits.map(async (limit) => (await limit.must("read", {})).active_slots));
  }

  async waitingIn(): Promise<number> {
    let count = 0;
    for (const limit of this.limits)
      count += (await limit.must("list_waiters", { offset: 0, limit: 9 })).length;
    return count;
  }
}

/** Nobody reaches a limit until what is returned is called. */
export function cutOff({ actor }: LimitWorld): () => void {
  const execute = actor.execute.bind(actor);
  actor.execute = () => Promise.resolve(refuse("unavailable"));
  return () => {
    actor.execute = execute;
  };
}
