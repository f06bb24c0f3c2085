/** Faults put into a limit: each is met by an assertion in the turn that would break a promise, which refuses the operation. */
import { expect, test } from "vitest";
import { findBrokenOrder, type LineStep } from "../../../src/domain/limit/line.ts";
import { LimitCore } from "../../../src/objects/limit/core.ts";
import { Line } from "../../../src/objects/limit/line.ts";
import type { LimitOperations } from "../../../src/objects/limit/operations.ts";
import { granted, LimitWorld, waiting } from "../../support/limit-world.ts";

async function open(limit: number, more: object = {}): Promise<LimitWorld> {
  const world = new LimitWorld();
  await world.must("create", { name: world.name, limit, ...more });
  return world;
}

/** Expects that an operation is refused because `invariant` would not hold, and that it changes nothing. */
async function expectBroken<Operation extends keyof LimitOperations>(
  world: LimitWorld,
  invariant: string,
  operation: Operation,
  command: LimitOperations[Operation]["command"],
): Promise<void> {
  const stored = () =>
    ["config", "lease", "waiter", "ended"].map((table) =>
      world.database.prepare(`SELECT * FROM ${table}`).all(),
    );
  const before = stored();
  expect(await world.do(operation, command)).toMatchObject({ ok: false, error: { code: "unavailable" } });
  expect(world.host.events.at(-1)).toMatchObject({ event: "invariant_violated", invariant });
  expect(stored()).toEqual(before);
}

/** Runs `body` while the code has another method; who broke the code mends it again. */
async function withFault<Made extends object, Method extends keyof Made>(
  made: Made,
  method: Method,
  fault: Made[Method],
  body: () => Promise<void>,
): Promise<void> {
  const { [method]: sound } = made;
  made[method] = fault;
  try {
    await body();
  } finally {
    made[method] = sound;
  }
}

test("I2: a gate that counts otherwise than its leases gives nothing", async () => {
  for (const command of [{}, { caller: { type: "anonymous" } as const }]) {
    const limit = await open(3);
    granted(await limit.acquire());
    limit.distort = (statement) =>
      statement.includes("highest_fence") ? statement : statement.replace("sum(slots)", "sum(0)");
    await expectBroken(limit, "I2", "acquire", limit.command(command));
  }
});

test("I2: holders are not shown beside an occupancy that is not theirs", async () => {
  const limit = await open(3);
  granted(await limit.acquire());
  limit.distort = (statement) => statement.replace("sum(slots)", "sum(2 * slots)");
  await expectBroken(limit, "I2", "list_holders", { after_fence: 0, limit: 9 });
});

test("I4: no fence is given that is not above those of all live leases", async () => {
  const limit = await open(3);
  granted(await limit.acquire());
  limit.database.exec("UPDATE config SET fence_ceiling = 0");
  await limit.restart();
  await expectBroken(limit, "I4", "acquire", limit.command({}));
});

test("I4: no fence is given that the stored ceiling does not rise by", async () => {
  const limit = await open(3);
  limit.database.exec("UPDATE config SET fence_ceiling = 5000");
  await expectBroken(limit, "I4", "acquire", limit.command({}));
});

test("I7: nothing makes room without a look at the line", async () => {
  const limit = await open(1);
  const grant = granted(await limit.acquire());
  for (const request_id of ["second", "third"]) waiting(await limit.acquire({ request_id }));
  await withFault(
    Line.prototype,
    "walk",
    () => undefined,
    async () => {
      await expectBroken(limit, "I7", "release", { lease_id: grant.lease_id });
      await expectBroken(limit, "I7", "withdraw", { request_id: "second" });
      await expectBroken(limit, "I7", "update", { limit: 2 });
    },
  );
  await limit.must("release", { lease_id: grant.lease_id });
  granted(await limit.acquire({ request_id: "second" }));
});

test("I8: a line that is read in another order is not served", async () => {
  const limit = await open(2);
  const grants = [granted(await limit.acquire()), granted(await limit.acquire())];
  for (const request_id of ["first", "second"]) waiting(await limit.acquire({ request_id, wait_seconds: 0 }));
  limit.distort = (statement) => statement.replace("ORDER BY priority, seq", "ORDER BY priority, seq DESC");
  await limit.must("release", { lease_id: grants[0]?.lease_id ?? "" });
  await expectBroken(limit, "I8", "release", { lease_id: grants[1]?.lease_id ?? "" });
});

test("I7, I8: a walk that leaves out the first, or passes one too often, is seen", () => {
  const step = (seq: number, action: LineStep["action"], slots = 1, passed = 0): LineStep => ({
    waiter_key: `waiter ${seq}`,
    priority: 0,
    seq,
    slots,
    passed,
    action,
  });
  expect(findBrokenOrder([step(1, "drop"), step(2, "take"), step(3, "block")], 1, 0)).toBeUndefined();
  expect(findBrokenOrder([step(1, "park"), step(2, "block")], 1, 0)?.invariant).toBe("I7");
  expect(findBrokenOrder([step(1, "block", 2), step(2, "offer")], 1, 0)?.invariant).toBe("I8");
  expect(findBrokenOrder([step(1, "block", 2), step(2, "grant")], 1, 1)).toBeUndefined();
  expect(findBrokenOrder([step(1, "block", 2, 1), step(2, "grant")], 1, 1)?.invariant).toBe("I8");
  expect(findBrokenOrder([step(1, "block", 3), step(2, "grant"), step(3, "grant")], 2, 1)?.invariant).toBe(
    "I8",
  );
  expect(findBrokenOrder([step(2, "offer"), step(1, "offer")], 2, 0)?.invariant).toBe("I8");
});

test("I9: no deadline is stored that no alarm stands for", async () => {
  for (const held of [0, 1]) {
    const limit = await open(1);
    if (held === 1) granted(await limit.acquire({ lease_seconds: 3600 }));
    // The alarm that stands behind telling the directory is over.
    await limit.pass(5000);
    await withFault(
      LimitCore.prototype,
      "wakeAt",
      () => {},
      () => expectBroken(limit, "I9", "acquire", limit.command({})),
    );
  }
});
