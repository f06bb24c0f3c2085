/** What the hot operations cost must not grow with the backlog: no statement of theirs may walk through a growing table. */
import { expect, test } from "vitest";
import type { Sql } from "../../../src/objects/shared/sql.ts";
import { attemptId, createTestPool, draftOf, SESSION, type TestPool } from "./support.ts";

/** Tables that grow with the backlog or with history. Active runs, queues and workers are as few as the fleet is large. */
const GROWING = [
  "flow_run",
  "ready",
  "deadline",
  "state",
  "idempotency",
  "ended_attempt",
  "note",
  "scheduled",
  "intent",
];

/** Collects every statement that the pool runs from now on. */
function watch(pool: TestPool): Set<string> {
  const seen = new Set<string>();
  const { sql } = pool.host;
  const all: Sql["all"] = sql.all.bind(sql);
  Object.assign(sql, {
    all: (statement: string, ...bindings: Parameters<Sql["all"]>[1][]) => {
      seen.add(statement);
      return all(statement, ...bindings);
    },
  });
  return seen;
}

/** The growing tables that a statement walks through from end to end. */
function findScans(pool: TestPool, statement: string): string[] {
  if (/^\s*(CREATE|DROP)/i.test(statement)) return [];
  const plan = pool.host.database.prepare(`EXPLAIN QUERY PLAN ${statement}`);
  const nulls = Array.from({ length: 20 }, () => null);
  for (let given = 0; given <= nulls.length; given += 1) {
    try {
      return (plan.all(...nulls.slice(0, given)) as { detail: string }[])
        .map(({ detail }) => detail)
        .filter((detail) => {
          const table = /^SCAN (\w+)/.exec(detail)?.[1] ?? "";
          const alias = { d: "deadline", r: "flow_run" }[table] ?? table;
          // A LIMIT ends a walk along an index; a bare scan has nothing that would.
          return GROWING.includes(alias) && !(detail.includes("USING") && /LIMIT/.test(statement));
        });
    } catch (error) {
      if (!String(error).includes("column index out of range")) throw error;
    }
  }
  throw new Error(`No plan for ${statement}`);
}

test("no hot operation scans what grows", async () => {
  const pool = await createTestPool();
  const seen = watch(pool);
  const claim = (id: number) =>
    pool.do("claim", {
      worker_name: "gpu-1",
      session_id: SESSION,
      attempt_ids: [attemptId(id)],
      work_queue_names: [],
    });
  for (let index = 0; index < 5; index += 1)
    await pool.do("create_run", { draft: draftOf({ idempotency_key: `key-${index}` }), deployment: null });
  const later = new Date(pool.clock.now + 30_000).toISOString().replace("Z", "000Z");
  await pool.do("create_run", {
    draft: draftOf({ state: { type: "SCHEDULED", state_details: { scheduled_time: later } } }),
    deployment: null,
  });
  await pool.beat();
  const [first] = (await claim(1)).claims;
  if (first === undefined) throw new Error("Nothing was claimed.");
  const run = { flow_run_id: first.flow_run.id, attempt_id: first.attempt_id, fence: first.fence };
  await pool.do("start_attempt", { ...run, infrastructure_pid: "1" });
  await pool.do("set_state", { id: run.flow_run_id, state: { type: "RUNNING" }, is_forced: false, run });
  await pool.do("note_limit", { run, limit_key: "0123456789" });
  await pool.beat({ attempt_ids: [run.attempt_id] });
  const end = { ...run, exit_code: 1, signal: null, outcome: "exited" as const, sets_own_state: false };
  await pool.do("end_attempt", end);
  await claim(2);
  await pool.do("get_scheduled", {
    work_queue_names: null,
    scheduled_before: later,
    scheduled_after: null,
    limit: 200,
    csrf_client: "one",
  });
  await pool.do("read_run", { id: run.flow_run_id });
  await pool.do("read_states", { flow_run_id: run.flow_run_id });
  await pool.do("explain_run", { id: run.flow_run_id });
  await pool.do("read", {});
  await pool.advance(20_000);
  await pool.advance(120_000);
  expect(seen.size).toBeGreaterThan(30);
  const scans = [...seen].map((statement) => [statement, findScans(pool, statement)] as const);
  // Old tombstones are cleared away at most once a minute, all in one statement.
  const allowed = ["DELETE FROM ended_attempt WHERE ended_at < ?"];
  expect(scans.filter(([statement, found]) => found.length > 0 && !allowed.includes(statement))).toEqual([]);
});

test("the default lists walk along an index", async () => {
  const pool = await createTestPool();
  const seen = watch(pool);
  for (const sort of ["ID_DESC", "EXPECTED_START_TIME_DESC", "EXPECTED_START_TIME_ASC"] as const)
    await pool.do("filter_runs", { filter: {}, sort, limit: 15, offset: 0 });
  for (const statement of seen) {
    const plan = pool.host.database
      .prepare(`EXPLAIN QUERY PLAN ${statement}`)
      .all(...Array.from({ length: (statement.match(/\?/g) ?? []).length }, () => null)) as {
      detail: string;
    }[];
    expect([statement, plan.filter(({ detail }) => detail.includes("TEMP B-TREE"))]).toEqual([statement, []]);
  }
});

test("what is sought is looked for among the first runs by their start, then from end to end, never run by run along the index", async () => {
  const pool = await createTestPool();
  const seen = watch(pool);
  const filter = {
    flow_runs: { state: { type: { any_: ["FAILED" as const] } }, expected_start_time: { after_: "2020" } },
  };
  const page = { limit: 15, offset: 0 };
  await pool.do("filter_runs", { filter, sort: "EXPECTED_START_TIME_DESC", ...page });
  const plans = [...seen]
    .filter((statement) => statement.includes("octet_length"))
    .map((statement) =>
      pool.host.sql
        .all<{ detail: string }>(
          `EXPLAIN QUERY PLAN ${statement}`,
          ...Array.from({ length: statement.split("?").length - 1 }, () => null),
        )
        .map(({ detail }) => detail),
    );
  expect(plans).toHaveLength(2);
  const [near = [], whole = []] = plans;
  expect(near[0]).toContain("SEARCH flow_run USING PRIMARY KEY (id=?)");
  expect(near.join()).toContain("flow_run_by_start");
  expect(whole[0]).toBe("SCAN flow_run");
  expect(whole.join()).not.toContain("flow_run_by_start");
});

test("rows written per run are few", async () => {
  const pool = await createTestPool();
  await pool.beat();
  const changes = () =>
    pool.host.sql.all<{ count: number }>("SELECT total_changes() AS count")[0]?.count ?? 0;
  const before = changes();
  await pool.do("create_run", { draft: draftOf(), deployment: null });
  const [claim] = (
    await pool.do("claim", {
      worker_name: "gpu-1",
      session_id: SESSION,
      attempt_ids: [attemptId(1)],
      work_queue_names: [],
    })
  ).claims;
  if (claim === undefined) throw new Error("Nothing was claimed.");
  const run = { flow_run_id: claim.flow_run.id, attempt_id: claim.attempt_id, fence: claim.fence };
  await pool.do("start_attempt", { ...run, infrastructure_pid: "1" });
  await pool.do("set_state", { id: run.flow_run_id, state: { type: "RUNNING" }, is_forced: false, run });
  await pool.do("end_attempt", {
    ...run,
    exit_code: 0,
    signal: null,
    outcome: "exited",
    sets_own_state: false,
  });
  expect(changes() - before).toBeLessThanOrEqual(22);
});
