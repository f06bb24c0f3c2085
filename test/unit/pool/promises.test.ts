/** Faults put into a pool: each is met by an assertion in the turn that would break a promise, which refuses the operation. */
import { expect, test } from "vitest";
import { Actor } from "../../../src/objects/shared/actor.ts";
import type { Sql } from "../../../src/objects/shared/sql.ts";
import { attemptId, createTestPool, draftOf, SESSION, type TestPool } from "./support.ts";

/** Expects that an operation is refused because `invariant` would not hold, and that no run changes. */
async function expectBroken(
  pool: TestPool,
  invariant: string,
  operation: string,
  command: unknown,
): Promise<void> {
  const stored = () =>
    ["flow_run", "active", "ready"].map((table) =>
      pool.host.database.prepare(`SELECT * FROM ${table}`).all(),
    );
  const before = stored();
  const refused = await pool.ask(operation, command);
  expect(refused).toMatchObject({ ok: false, error: { code: "unavailable" } });
  expect(pool.host.events).toContainEqual(
    expect.objectContaining({ event: "invariant_violated", invariant, operation }),
  );
  expect(stored()).toEqual(before);
}

async function open(): Promise<{ pool: TestPool; claim: object; run_id: string }> {
  const pool = await createTestPool();
  await pool.beat();
  const { flow_run } = await pool.do("create_run", { draft: draftOf(), deployment: null });
  const claim = {
    worker_name: "gpu-1",
    session_id: SESSION,
    work_queue_names: [],
    attempt_ids: [attemptId(1)],
  };
  return { pool, claim, run_id: flow_run.id };
}

test.each([
  ["pool", async (pool: TestPool) => void (await pool.do("update", { concurrency_limit: 1 }))],
  [
    "queue",
    async (pool: TestPool) =>
      void (await pool.do("update_queue", { name: "default", update: { concurrency_limit: 1 } })),
  ],
  ["worker", async (pool: TestPool) => void (await pool.beat({ limit: 1, attempt_ids: [attemptId(1)] }))],
])("I1: a claim that overlooks what is active gives no more than the %s has slots", async (_, lower) => {
  const { pool, claim } = await open();
  await pool.ask("claim", claim);
  await pool.do("create_run", { draft: draftOf(), deployment: null });
  await lower(pool);
  const { sql } = pool.host;
  const all: Sql["all"] = sql.all.bind(sql);
  let looks = 0;
  Object.assign(sql, {
    all: (statement: string, ...bindings: Parameters<Sql["all"]>[1][]) => {
      if (statement !== "SELECT * FROM active") return all(statement, ...bindings);
      looks += 1;
      return looks === 1 ? [] : all(statement, ...bindings);
    },
  });
  await expectBroken(pool, "I1", "claim", { ...claim, attempt_ids: [attemptId(2)] });
});

test("I3: a run that is under way is not given to another attempt, though it is ready", async () => {
  const { pool, claim, run_id } = await open();
  pool.host.database
    .prepare("INSERT INTO active (run_id, attempt_id, fence, is_started) VALUES (?, 'other', 7, 1)")
    .run(run_id);
  await expectBroken(pool, "I3", "claim", claim);
});

test("I4: an attempt whose fence is not above its run's is not begun", async () => {
  const { pool, claim } = await open();
  const { sql } = pool.host;
  const all: Sql["all"] = sql.all.bind(sql);
  Object.assign(sql, {
    all: (statement: string, ...bindings: Parameters<Sql["all"]>[1][]) =>
      all(statement.replace("SELECT priority, fence,", "SELECT priority, fence - 1 AS fence,"), ...bindings),
  });
  await expectBroken(pool, "I4", "claim", claim);
});

test("I9: no deadline of a run is stored that no alarm stands for", async () => {
  const { pool, claim } = await open();
  // What stands behind earlier calls has rung.
  await pool.advance(20_000);
  await pool.beat();
  const { wakeAt } = Actor.prototype as unknown as { wakeAt: (at: number) => void };
  Object.assign(Actor.prototype, { wakeAt: () => {} });
  try {
    await expectBroken(pool, "I9", "claim", claim);
  } finally {
    Object.assign(Actor.prototype, { wakeAt });
  }
});
