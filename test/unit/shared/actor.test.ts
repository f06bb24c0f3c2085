import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { ENVELOPE_VERSION, type Envelope } from "../../../src/contract/envelope.ts";
import { accept, refuse, type Result } from "../../../src/contract/errors.ts";
import { Actor, InvariantViolation, type Effect, type Handlers } from "../../../src/objects/shared/actor.ts";
import type { ObjectHost } from "../../../src/objects/shared/host.ts";
import type { ViolationReport } from "../../../src/objects/shared/violations.ts";
import { createNodeHost, type NodeHostOptions } from "../../support/node-host.ts";
import { WATCH_TABLE } from "../../../src/objects/shared/watchers.ts";

type TallyOperations = {
  open: { command: null; answer: null };
  add: { command: { amount: number; expires_at?: number; isBad?: boolean }; answer: number };
  tell: { command: { text: string; key?: string }; answer: null };
  hold: { command: null; answer: string };
};

/** A small object with a bit of everything: rows with deadlines, an effect on another object, a caller who waits. */
class TallyActor extends Actor<TallyOperations> {
  readonly settled: [Effect, Result<unknown>][] = [];
  readonly swept: number[] = [];
  readonly turns: string[] = [];
  isSweepBroken = false;
  isSettlingBroken = false;
  ears: ((result: Result<string>) => void)[] = [];
  protected readonly creating = new Set(["open"]);
  protected readonly handlers: Handlers<TallyOperations> = {
    open: () => accept(null),
    add: ({ amount, expires_at, isBad }) => {
      this.host.sql.all("INSERT INTO entry (amount, expires_at) VALUES (?, ?)", amount, expires_at ?? null);
      if (expires_at !== undefined) this.wakeAt(expires_at);
      if (isBad === true) throw new InvariantViolation("I1", "too much", { amount });
      this.turns.push(`add ${amount}`);
      return accept(this.sum());
    },
    tell: ({ text, key = "0123456789" }, { request_id }) => {
      this.send({ workspace: "w", kind: "limit", key }, "hear", request_id, { text });
      return accept(null);
    },
    hold: () => new Promise((resolve) => this.ears.push(resolve)),
  };
  constructor(host: ObjectHost) {
    super(host, [
      "CREATE TABLE entry (id INTEGER PRIMARY KEY, amount INTEGER, expires_at INTEGER)",
      WATCH_TABLE,
    ]);
  }
  sum(): number {
    return this.host.sql.all<{ sum: number | null }>("SELECT sum(amount) AS sum FROM entry")[0]?.sum ?? 0;
  }
  protected sweep(now: number): void {
    this.swept.push(now);
    if (this.isSweepBroken) throw new InvariantViolation("I9", "cannot go on", { now });
    this.host.sql.all("DELETE FROM entry WHERE expires_at <= ?", now);
  }
  protected earliestDeadline(): number | undefined {
    return (
      this.host.sql.all<{ at: number | null }>("SELECT min(expires_at) AS at FROM entry")[0]?.at ?? undefined
    );
  }
  protected override settleEffect(effect: Effect, result: Result<unknown>): void {
    if (this.isSettlingBroken) throw new InvariantViolation("I1", "cannot take it in", { effect });
    this.settled.push([effect, result]);
  }
}

const address = { workspace: "w", kind: "limit", key: "abcdef0123" } as const;
let requests = 0;
const envelope = (operation: string, command: unknown, v = ENVELOPE_VERSION): Envelope => ({
  v,
  address,
  actor: "test",
  request_id: `r${(requests += 1)}`,
  operation,
  command,
});

async function open(options: Partial<NodeHostOptions> = {}) {
  const clock = options.clock ?? { now: 1_000_000 };
  const host = createNodeHost({ address, clock, ...options });
  const actor = new TallyActor(host);
  await actor.start();
  await actor.execute(envelope("open", null));
  return { actor, host, clock };
}

test("a probe of an object that nobody created makes no tables", async () => {
  const host = createNodeHost({ address, clock: { now: 0 } });
  const actor = new TallyActor(host);
  await actor.start();
  expect(await actor.execute(envelope("add", { amount: 1 }))).toMatchObject({
    ok: false,
    error: { code: "not_found" },
  });
  expect(host.sql.all("SELECT name FROM sqlite_master")).toEqual([]);
});

test("an operation that throws is undone alone, logged and answered unavailable", async () => {
  const { actor, host } = await open();
  const [good, bad, next] = await Promise.all([
    actor.execute(envelope("add", { amount: 1 })),
    actor.execute(envelope("add", { amount: 100, isBad: true, expires_at: 1_000_050 })),
    actor.execute(envelope("add", { amount: 2 })),
  ]);
  expect(good).toEqual(accept(1));
  expect(bad).toMatchObject({ ok: false, error: { code: "unavailable" } });
  expect(next).toEqual(accept(3));
  expect(host.events).toMatchObject([{ event: "invariant_violated", invariant: "I1", operation: "add" }]);
});

test("an unknown version or operation is unavailable, so that a caller of the next release tries again", async () => {
  const { actor } = await open();
  expect(await actor.execute(envelope("add", { amount: 1 }, 2))).toMatchObject({
    error: { code: "unavailable" },
  });
  expect(await actor.execute(envelope("toString", {}))).toMatchObject({ error: { code: "unavailable" } });
});

test("while a commit is in flight operations are collected, and run together in the next turn", async () => {
  const commits: (() => void)[] = [];
  const clock = { now: 1 };
  const host = createNodeHost({ address, clock });
  await new TallyActor(host).execute(envelope("open", null));
  host.sync = () => new Promise((resolve) => commits.push(resolve));
  const actor = new TallyActor(host);
  const first = actor.execute(envelope("add", { amount: 1 }));
  const others = [2, 3, 4].map((amount) => actor.execute(envelope("add", { amount })));
  expect(await first).toEqual(accept(1));
  expect(actor.turns).toEqual(["add 1"]);
  commits[0]?.();
  await Promise.all(others);
  expect(actor.turns).toEqual(["add 1", "add 2", "add 3", "add 4"]);
  expect(commits).toHaveLength(2);
});

test("the alarm is the earliest deadline: it moves earlier at once, and an early one arms itself again", async () => {
  const { actor, host, clock } = await open();
  await actor.execute(envelope("add", { amount: 1, expires_at: 1_000_500 }));
  expect(host.alarm_at).toBe(1_000_500);
  await actor.execute(envelope("add", { amount: 2, expires_at: 1_000_100 }));
  expect(host.alarm_at).toBe(1_000_100);
  clock.now = 1_000_050;
  await actor.alarm();
  expect(host.alarm_at).toBe(1_000_100);
  expect(actor.sum()).toBe(3);
  clock.now = 1_000_100;
  await actor.alarm();
  await actor.alarm();
  expect(actor.sum()).toBe(1);
  expect(host.alarm_at).toBe(1_000_500);
});

test("a deadline that has passed is applied before the next operation, alarm or not", async () => {
  const { actor, clock } = await open();
  await actor.execute(envelope("add", { amount: 5, expires_at: 1_000_100 }));
  clock.now = 1_000_101;
  expect(await actor.execute(envelope("add", { amount: 1 }))).toEqual(accept(1));
});

test("a broken promise is told to the workspace at once, and of many once a minute how often it was met", async () => {
  const told: ViolationReport[] = [];
  const { actor, host, clock } = await open({
    call: ({ operation, address: target, command }) => {
      expect([operation, target.kind]).toEqual(["note_violation", "workspace"]);
      told.push(command as ViolationReport);
      return Promise.resolve(accept(null));
    },
  });
  const report = { object: "w/limit/abcdef0123", invariant: "I1", operation: "add", message: "I1: too much" };
  for (let times = 0; times < 23; times += 1) {
    await actor.execute(envelope("add", { amount: 1, isBad: true }));
    await host.settle();
  }
  // No two have the same instant: one that is not newer than the last would be taken for that.
  expect(told).toEqual(
    Array.from({ length: 20 }, (_, index) => ({ ...report, count: 1, at: 1_000_000 + index })),
  );
  // What was counted since is told by the alarm, whether it is met again or not.
  clock.now += 1000;
  await actor.alarm();
  expect(host.alarm_at).toBe(1_060_019);
  clock.now = 1_060_019;
  await actor.alarm();
  await host.settle();
  expect(told.slice(20)).toEqual([{ ...report, count: 3, at: 1_060_019 }]);
  expect(actor.sum()).toBe(0);
});

test("a deadline that was stored after it had passed is due at once, and does not look like lost time", async () => {
  const { actor, host, clock } = await open({ has_lost_time: true });
  await actor.execute(envelope("add", { amount: 1, expires_at: clock.now - 60_000 }));
  expect(host.alarm_at).toBe(clock.now);
  await actor.alarm();
  expect(actor.sum()).toBe(0);
  expect(host.expiry_floor).toBe(0);
});

test("an instance that lost its alarm sweeps in its first turn", async () => {
  const { actor, host, clock } = await open();
  await actor.execute(envelope("add", { amount: 5, expires_at: 1_000_100 }));
  host.alarm_at = null;
  clock.now = 1_000_200;
  const again = new TallyActor(host);
  await again.start();
  expect(await again.execute(envelope("add", { amount: 1 }))).toEqual(accept(1));
});

test("an effect is delivered after its commit, in order, and settled once", async () => {
  const heard: string[] = [];
  const { actor, host } = await open({
    call: ({ command }) => {
      heard.push((command as { text: string }).text);
      return Promise.resolve(accept("heard"));
    },
  });
  await Promise.all(["a", "b", "c"].map((text) => actor.execute(envelope("tell", { text }))));
  await host.settle();
  expect(heard).toEqual(["a", "b", "c"]);
  expect(actor.settled.map(([effect, result]) => [effect.command, result])).toEqual(
    ["a", "b", "c"].map((text) => [{ text }, accept("heard")]),
  );
  expect(host.sql.all("SELECT * FROM outbox")).toEqual([]);
});

test("an effect that cannot be delivered is retried by the alarm, across instances, until it is acknowledged", async () => {
  let isAway = true;
  const database = new DatabaseSync(":memory:");
  const heard: string[] = [];
  const call = ({ request_id }: Envelope): Promise<Result<unknown>> => {
    if (isAway) return Promise.resolve(refuse("unavailable"));
    heard.push(request_id);
    return Promise.resolve(refuse("not_found"));
  };
  const clock = { now: 1_000_000 };
  const { actor, host } = await open({ call, database, clock });
  await actor.execute({ ...envelope("tell", { text: "x" }), request_id: "the-one" });
  await host.settle();
  expect(host.alarm_at).toBeGreaterThan(clock.now);
  for (let round = 0; round < 5; round += 1) {
    clock.now = host.alarm_at ?? clock.now;
    await actor.alarm();
    await host.settle();
  }
  expect(heard).toEqual([]);
  isAway = false;
  const second = new TallyActor(host);
  await second.start();
  for (let alarms = 0; alarms < 5 && heard.length === 0; alarms += 1) {
    clock.now = host.alarm_at ?? clock.now;
    await second.alarm();
    await host.settle();
  }
  expect(heard).toEqual(["the-one"]);
  expect(second.settled).toMatchObject([
    [{ request_id: "the-one" }, { ok: false, error: { code: "not_found" } }],
  ]);
});

test("an effect never passes an earlier one on the same target that waits for its next try", async () => {
  const heard: string[] = [];
  let isAway = true;
  const call = ({ command }: Envelope): Promise<Result<unknown>> => {
    if (isAway) return Promise.resolve(refuse("unavailable"));
    heard.push((command as { text: string }).text);
    return Promise.resolve(accept(null));
  };
  const { actor, host, clock } = await open({ call });
  await actor.execute(envelope("tell", { text: "first" }));
  await host.settle();
  isAway = false;
  await actor.execute(envelope("tell", { text: "second" }));
  await host.settle();
  for (let alarms = 0; alarms < 5 && heard.length < 2; alarms += 1) {
    clock.now = host.alarm_at ?? clock.now;
    await actor.alarm();
    await host.settle();
  }
  expect(heard).toEqual(["first", "second"]);
});

test("an effect that its target cannot digest does not hold back the others for ever", async () => {
  const heard: string[] = [];
  const call = ({ command }: Envelope): Promise<Result<unknown>> => {
    const { text } = command as { text: string };
    if (text === "poison") return Promise.resolve(refuse("unavailable"));
    heard.push(text);
    return Promise.resolve(accept(null));
  };
  const { actor, host, clock } = await open({ call });
  await actor.execute(envelope("tell", { text: "poison" }));
  await actor.execute(envelope("tell", { text: "release" }));
  await host.settle();
  const startedAt = clock.now;
  for (let alarms = 0; alarms < 50 && heard.length === 0; alarms += 1) {
    clock.now = host.alarm_at ?? clock.now;
    await actor.alarm();
    await host.settle();
  }
  expect(heard).toEqual(["release"]);
  expect(clock.now - startedAt).toBeLessThan(300_000);
  expect(host.events.some(({ event }) => event === "effect_stuck")).toBe(true);
  expect(host.sql.all("SELECT command FROM outbox")).toEqual([{ command: '{"text":"poison"}' }]);
});

test("a target that takes its time rings no alarms without pause and holds back no other target", async () => {
  const heard: string[] = [];
  const answers: (() => void)[] = [];
  const call = ({ command, address: { key } }: Envelope): Promise<Result<unknown>> => {
    heard.push((command as { text: string }).text);
    if (key !== "5105105105") return Promise.resolve(accept(null));
    return new Promise((resolve) => answers.push(() => resolve(accept(null))));
  };
  const { actor, host, clock } = await open({ call });
  const settle = async () => {
    for (let round = 0; round < 300; round += 1) await Promise.resolve();
  };
  for (let count = 0; count < 70; count += 1)
    await actor.execute(envelope("tell", { text: "slow", key: "5105105105" }));
  await actor.execute(envelope("tell", { text: "quick 1" }));
  await settle();
  await actor.execute(envelope("tell", { text: "quick 2" }));
  await settle();
  expect(heard).toEqual(["slow", "quick 1", "quick 2"]);
  clock.now += 1500;
  await actor.alarm();
  await settle();
  expect(host.alarm_at).toBe(clock.now + 1000);
  while (answers.length > 0) {
    answers.shift()?.();
    await settle();
  }
  expect(heard).toHaveLength(72);
  expect(host.sql.all("SELECT seq FROM outbox")).toEqual([]);
});

test("an answer that cannot be taken in is asked for again after a pause", async () => {
  let calls = 0;
  const { actor, host, clock } = await open({
    call: ({ operation }) => {
      // The workspace hears of the fault besides.
      if (operation === "hear") calls += 1;
      return Promise.resolve(accept(null));
    },
  });
  actor.isSettlingBroken = true;
  await actor.execute(envelope("tell", { text: "once" }));
  await host.settle();
  expect(calls).toBe(1);
  actor.isSettlingBroken = false;
  clock.now = host.alarm_at ?? expect.fail("no alarm");
  await actor.alarm();
  await host.settle();
  expect(calls).toBe(2);
  expect(actor.settled.filter(([{ operation }]) => operation === "hear")).toHaveLength(1);
});

test("a caller who waits is answered by a later turn", async () => {
  const { actor } = await open();
  const waiting = actor.execute(envelope("hold", null));
  expect(await actor.execute(envelope("add", { amount: 1 }))).toEqual(accept(1));
  for (const ear of actor.ears) ear(accept("your turn"));
  expect(await waiting).toEqual(accept("your turn"));
});

test("a sweep that fails neither refuses other calls nor rings without pause", async () => {
  const { actor, host, clock } = await open();
  await actor.execute(envelope("add", { amount: 1, expires_at: clock.now + 10 }));
  actor.isSweepBroken = true;
  clock.now += 20;
  expect(await actor.execute(envelope("add", { amount: 2 }))).toEqual(accept(3));
  expect(host.alarm_at).toBe(clock.now + 1000);
  await actor.execute(envelope("add", { amount: 3 }));
  expect(actor.swept).toHaveLength(1);
  actor.isSweepBroken = false;
  clock.now += 1000;
  await actor.alarm();
  expect(actor.sum()).toBe(5);
});
