/**
 * Random play of one limit against a model: a plain list of leases and of waiters. The promises are checked after each
 * step: capacity (I1), one truth (I2), slots (I3), fences (I4), idempotence (I5), stale calls (I6), no lost wake-up
 * (I7), order (I8), an end for everything (I9) and nothing before its time (I10).
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Result } from "../../../src/contract/errors.ts";
import type { Grant, WaiterRecord, Waiting } from "../../../src/contract/wire/limits.ts";
import { OFFER_LAPSED } from "../../../src/objects/limit/line.ts";
import { LimitWorld, peek, type Frame } from "../../support/limit-world.ts";

interface ModelLease {
  request_id: string;
  grant: Grant;
  slots: number;
  /** Its holder may count on it until then; ten seconds later it is over. */
  expires_at: number;
  /** When it was seen to be over, by its holder's word or by its deadline; Infinity before. */
  ended_at: number;
}

const CALLERS = 6;
const GRACE_MS = 10_000;
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("ask" as const),
      who: fc.nat(CALLERS - 1),
      slots: fc.integer({ min: 1, max: 2 }),
      wait_seconds: fc.constantFrom(0, 0, 20),
      priority: fc.constantFrom(0, 0, 0, -1),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("prefect" as const), client: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("open" as const), who: fc.nat(CALLERS - 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("close" as const), who: fc.nat(CALLERS - 1) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("release" as const), which: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("renew" as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("withdraw" as const), who: fc.nat(CALLERS - 1) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("resize" as const), to: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), keepsSockets: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("alarm" as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.constantFrom(1, 100, 260, 1000, 2100, 6000, 30_000, 70_000, 320_000),
      isAlarmLate: fc.boolean(),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

class Play {
  readonly limit = new LimitWorld();
  readonly leases: ModelLease[] = [];
  readonly #round = Array.from({ length: CALLERS }, () => 0);
  /** Open requests whose answers are still to come. */
  #held: { who: string; place: string; slots: number; answer: Promise<Result<Grant | Waiting>> }[] = [];
  readonly #frames = new Map<string, Frame[]>();
  #highest_fence = 0;
  #asked = 0;
  capacity: number;
  readonly bypass_max: number;

  constructor(capacity: number, bypass_max: number) {
    this.capacity = capacity;
    this.bypass_max = bypass_max;
  }

  /** A caller asks with the same request id until that request is over. */
  #idOf(who: number): string {
    return `${who}:${this.#round[who]}`;
  }

  get now(): number {
    return this.limit.clock.now;
  }

  async run(what: Step): Promise<void> {
    const before = await this.limit.must("list_waiters", { offset: 0, limit: 200 });
    switch (what.do) {
      case "ask": {
        const request_id = this.#idOf(what.who);
        const { slots, wait_seconds, priority } = what;
        const answer = this.limit.acquire({ request_id, slots, wait_seconds, priority });
        const known = await peek(answer);
        if (known === undefined)
          this.#held.push({ who: request_id, place: `request:${request_id}`, slots, answer });
        else this.#hear(request_id, slots, known, before);
        break;
      }
      case "prefect": {
        // Each grant of such a client is a lease of its own; its place in line is the client's.
        const csrf_client = `client-${what.client}`;
        const who = `${csrf_client}/${(this.#asked += 1)}`;
        const answer = this.limit.acquire({
          caller: { type: "prefect", csrf_client, first_retry_after_seconds: 0.2 },
          wait_seconds: 25,
        });
        const place = `prefect:${csrf_client}:`;
        const known = await peek(answer);
        if (known === undefined) this.#held.push({ who, place, slots: 1, answer });
        else this.#hear(who, 1, known, before, this.now, place);
        // I8 of Prefect's clients: at most one request of each is held.
        const held = this.#held.filter((other) => other.place === place);
        const open = await Promise.all(held.map((other) => peek(other.answer)));
        expect(open.filter((value) => value === undefined).length).toBeLessThanOrEqual(1);
        break;
      }
      case "open": {
        const request_id = this.#idOf(what.who);
        const answer = await this.limit.open(request_id);
        const frames = this.limit.sockets.get(`request:${request_id}`);
        if (frames !== undefined) this.#frames.set(request_id, frames);
        this.#hear(request_id, 1, answer, before);
        break;
      }
      case "close":
        await this.limit.close(this.#idOf(what.who));
        break;
      case "release":
      case "renew": {
        const lease = this.leases[what.which % Math.max(1, this.leases.length)];
        if (lease === undefined) break;
        const { lease_id } = lease.grant;
        if (what.do === "release") {
          await this.limit.must("release", { lease_id });
          lease.ended_at = Math.min(lease.ended_at, this.now);
          break;
        }
        const renewed = await this.limit.do("renew", { lease_id, lease_seconds: null });
        // I6: what has ended stays ended; I10: what has not is renewed.
        const isOver = lease.ended_at <= this.now;
        expect(renewed.ok).toBe(!isOver);
        if (renewed.ok) {
          lease.expires_at = this.now + renewed.value.expires_in_seconds * 1000;
        }
        break;
      }
      case "withdraw": {
        const request_id = this.#idOf(what.who);
        await this.limit.must("withdraw", { request_id });
        for (const lease of this.leases)
          if (lease.request_id === request_id) lease.ended_at = Math.min(lease.ended_at, this.now);
        this.#round[what.who] = (this.#round[what.who] ?? 0) + 1;
        break;
      }
      case "resize":
        await this.limit.must("update", { limit: what.to });
        this.capacity = what.to;
        break;
      case "restart":
        this.#held = [];
        await this.limit.restart(what);
        break;
      case "alarm":
        await this.limit.fireAlarm();
        await this.limit.fireAlarm();
        break;
      case "pass":
        await this.limit.pass(what.ms, what);
        break;
    }
    await this.limit.must("read", {}); // Deadlines that an alarm is late for are applied here.
    await this.limit.quiet();
    await this.#listen();
    await this.check();
  }

  /** Takes note of what held requests and sockets have heard. */
  async #listen(): Promise<void> {
    const still = [];
    for (const held of this.#held) {
      const known = await peek(held.answer);
      if (known === undefined) still.push(held);
      else this.#hear(held.who, held.slots, known, []);
    }
    this.#held = still;
    // Several may be granted in one turn: heard in the order of their fences, not of this map.
    const heard = [...this.#frames].flatMap(([who, frames]) =>
      frames.splice(0).map((frame) => ({ who, ...frame })),
    );
    const fenceOf = ({ answer }: Frame): number =>
      answer.ok && answer.value.status === "granted" ? (answer.value.fence ?? 0) : 0;
    for (const { who, answer, at } of heard.toSorted((left, right) => fenceOf(left) - fenceOf(right)))
      this.#hear(who, 1, answer, [], at);
  }

  #hear(
    who: string,
    slots: number,
    answer: Result<Grant | Waiting>,
    before: WaiterRecord[],
    at = this.now,
    place = `request:${who}`,
  ): void {
    if (!answer.ok) {
      // The place is kept, and its socket closed: an offer on it was not taken in time.
      if (answer.error.detail === OFFER_LAPSED) return;
      if (answer.error.code !== "gone" && answer.error.code !== "invalid")
        throw new Error(JSON.stringify([answer, this.limit.host.events]));
      // I5: only a request whose lease has ended, or that was withdrawn, is told so.
      this.#nextRound(who);
      return;
    }
    if (answer.value.status !== "granted") return;
    const grant = answer.value;
    // I5: the same grant while it lives, none for ten minutes after its end.
    const same = this.leases.find(({ grant: { lease_id } }) => lease_id === grant.lease_id);
    if (same !== undefined) {
      expect(same.request_id).toBe(who);
      return;
    }
    for (const { request_id, ended_at, expires_at } of this.leases)
      if (request_id === who)
        expect(at).toBeGreaterThanOrEqual(Math.min(ended_at, expires_at + GRACE_MS) + 600_000);
    // I4
    expect(grant.fence).toBeGreaterThan(this.#highest_fence);
    this.#highest_fence = grant.fence ?? 0;
    // I8: everybody who stood before it and is there was offered the slot first, or may be passed.
    const own = before.find(
      ({ waiter_id }) => waiter_id === place || (place.startsWith("prefect:") && waiter_id.startsWith(place)),
    );
    if (this.bypass_max === 0 && own !== undefined) {
      const passed = before
        .filter(
          ({ priority, arrived_at }) =>
            priority < own.priority || (priority === own.priority && arrived_at < own.arrived_at),
        )
        .filter(
          ({ is_present, reason, slots }) => is_present && reason !== "offered" && slots <= this.capacity,
        );
      expect(passed).toEqual([]);
    }
    this.leases.push({
      request_id: who,
      grant,
      slots,
      expires_at: at + grant.expires_in_seconds * 1000,
      ended_at: Number.POSITIVE_INFINITY,
    });
  }

  #nextRound(request_id: string): void {
    const who = Number(request_id.split(":")[0]);
    if (this.#idOf(who) === request_id) this.#round[who] = (this.#round[who] ?? 0) + 1;
  }

  async check(): Promise<void> {
    const { limit } = this;
    expect(limit.host.events).toEqual([]);
    const record = await limit.must("read", {});
    const holders = await limit.must("list_holders", { after_fence: 0, limit: 200 });
    const line = await limit.must("list_waiters", { offset: 0, limit: 200 });
    const in_use = holders.reduce((sum, { slots }) => sum + slots, 0);
    expect(record.active_slots).toBe(in_use); // I2
    // I10 and I6: exactly the leases that live are counted. Where alarms were late, an overdue one may last for a while.
    const known = new Set(holders.map(({ lease_id }) => lease_id));
    const floor = limit.host.expiry_floor;
    for (const lease of this.leases) {
      const isOverdue = this.now >= lease.expires_at + GRACE_MS;
      const mustBeOver = isOverdue && this.now >= floor + GRACE_MS;
      if (mustBeOver || (isOverdue && !known.has(lease.grant.lease_id)))
        lease.ended_at = Math.min(lease.ended_at, this.now);
    }
    const alive = this.leases.filter(({ ended_at }) => this.now < ended_at);
    for (const { grant } of alive) expect(known).toContain(grant.lease_id);
    const ids = new Set(alive.map(({ grant }) => grant.lease_id));
    for (const { lease_id } of holders) expect(ids).toContain(lease_id);
    // I1: a lowered limit drops nobody, so the model's own count is the bound then.
    if (in_use > this.capacity) expect(in_use).toBeLessThanOrEqual(4);
    // I7: whoever is first, present and fits has been offered the slot.
    let free = this.capacity - in_use;
    for (const waiter of line) {
      if (!waiter.is_present) continue;
      if (waiter.reason === "offered") {
        free -= waiter.slots;
        continue;
      }
      expect(
        waiter.slots <= free && waiter.slots <= this.capacity,
        `nobody told ${JSON.stringify(waiter)}, free ${free}`,
      ).toBe(false);
      break;
    }
  }

  /** I9: left alone, everything ends, and the alarm with it. */
  async end(): Promise<void> {
    this.limit.sockets.clear();
    await this.limit.pass(2 * 86_400_000);
    expect(await this.limit.must("list_holders", { after_fence: 0, limit: 10 })).toEqual([]);
    expect(await this.limit.must("list_waiters", { offset: 0, limit: 10 })).toEqual([]);
    await this.limit.pass(86_400_000);
    expect(this.limit.host.alarm_at).toBeNull();
  }
}

test("no play breaks a promise", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom(0, 0, 1),
      fc.array(step, { minLength: 5, maxLength: 60 }),
      async (capacity, bypass_max, steps) => {
        const play = new Play(capacity, bypass_max);
        await play.limit.must("create", { name: play.limit.name, limit: capacity, bypass_max });
        for (const what of steps) await play.run(what);
        await play.end();
      },
    ),
    { numRuns: Number(process.env["PLAYS"] ?? 150) },
  );
}, 120_000);
