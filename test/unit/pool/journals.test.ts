/** A pool and the journals of its days, all for real, wired to each other. */
import { expect, test } from "vitest";
import { createArchive, DAY_MS, HOUR_MS } from "./archive.ts";
import { draftOf } from "./support.ts";

test("a finished run moves an hour after its last write, and is read, listed and counted as before", async () => {
  const { pool, finish, here, list, count } = await createArchive();
  const first = await finish({ tags: ["a"], work_queue_name: "fast" });
  await pool.advance(HOUR_MS / 2);
  const second = await finish();
  const before = await pool.do("read_run", { id: first });
  const states = await pool.do("read_states", { flow_run_id: first });
  await pool.advance(HOUR_MS / 2 + 1000);
  expect(here()).toEqual([second]);
  expect(await pool.do("read_run", { id: first })).toEqual(before);
  expect(await pool.do("read_states", { flow_run_id: first })).toEqual(states);
  expect(states.map(({ type }) => type)).toEqual(["SCHEDULED", "RUNNING", "COMPLETED"]);
  expect(await list()).toEqual([second, first]);
  expect(await list({}, { limit: 1, offset: 1 })).toEqual([first]);
  expect(await list({ tags: { all_: ["a"] } })).toEqual([first]);
  expect(await list({ work_queue_name: { any_: ["fast"] } })).toEqual([first]);
  expect(await list({ id: { any_: [first] } })).toEqual([first]);
  expect(await count()).toBe(2);
  expect(await count({ state: { type: { any_: ["COMPLETED"] } } })).toBe(2);
  // Who asks for what runs now asks no journal.
  pool.calls.length = 0;
  expect(await count({ state: { type: { any_: ["RUNNING", "SCHEDULED"] } } })).toBe(0);
  expect(pool.calls).toEqual([]);
  await pool.advance(HOUR_MS);
  expect(here()).toEqual([]);
  expect(pool.host.sql.all("SELECT * FROM state")).toEqual([]);
  expect(pool.host.sql.all("SELECT * FROM deadline")).toEqual([]);
  expect(pool.host.events).toEqual([]);
});

test("a run comes back when it is written to, with a higher fence ahead, and moves again", async () => {
  const { pool, finish, state, here, list, journals } = await createArchive();
  const id = await finish();
  await pool.advance(HOUR_MS + 1000);
  expect(here()).toEqual([]);
  await pool.do("update_labels", { id, labels: { seen: "yes" } });
  expect(here()).toEqual([id]);
  expect(await list()).toEqual([id]);
  const [journal] = journals.values();
  expect(journal?.host.sql.all("SELECT id FROM flow_run")).toEqual([]);
  await pool.advance(HOUR_MS + 2000);
  expect(here()).toEqual([]);
  expect(await pool.do("read_run", { id })).toMatchObject({ labels: { seen: "yes" } });
  // It can be run again, and has all its states.
  expect((await state(id, "SCHEDULED")).result).toMatchObject({ status: "ACCEPT" });
  expect(pool.host.sql.all("SELECT run_id FROM ready")).toEqual([{ run_id: id }]);
  expect(await pool.do("read_states", { flow_run_id: id })).toHaveLength(4);
  expect(await pool.do("count_runs", { filter: {} })).toBe(1);
});

test("the same idempotency key finds a run that has moved, and a deleted one is gone everywhere", async () => {
  const { pool, finish, list, here } = await createArchive();
  const draft = { idempotency_key: "once" };
  const id = await finish(draft);
  await pool.advance(HOUR_MS + 1000);
  const again = await pool.do("create_run", { draft: draftOf(draft), deployment: null });
  expect(again).toMatchObject({ was_created: false, flow_run: { id } });
  await pool.advance(HOUR_MS + 2000);
  expect(here()).toEqual([]);
  await pool.do("delete_run", { id });
  expect(await list()).toEqual([]);
  expect(await pool.ask("read_run", { id })).toMatchObject({ ok: false, error: { code: "not_found" } });
  const fresh = await pool.do("create_run", { draft: draftOf(draft), deployment: null });
  expect(fresh.was_created).toBe(true);
});

test("nothing is lost while a journal is away, and nothing that was written meanwhile", async () => {
  const { pool, finish, here, setAway, list } = await createArchive();
  const id = await finish();
  setAway(true);
  await pool.advance(HOUR_MS + 5000);
  expect(here()).toEqual([id]);
  await pool.do("update_run", { id, update: { name: "renamed" } });
  await pool.evict();
  setAway(false);
  await pool.advance(60_000);
  // What the journal took was older than the change: the run stays until its new time comes.
  expect(here()).toEqual([id]);
  expect(await list()).toEqual([id]);
  await pool.advance(HOUR_MS);
  expect(here()).toEqual([]);
  expect(await pool.do("read_run", { id })).toMatchObject({ name: "renamed" });
  setAway(true);
  expect(await pool.ask("read_run", { id })).toMatchObject({ ok: false, error: { code: "unavailable" } });
});

test("a run that is too large for a row stays where it is and stops nothing", async () => {
  const { pool, finish, here, count } = await createArchive();
  const large = await finish({ parameters: { text: "x".repeat(700_000) } });
  await finish();
  await pool.advance(2 * HOUR_MS);
  expect(here()).toEqual([large]);
  expect(await count()).toBe(2);
  expect(pool.host.events).toEqual([]);
});

test("an id that nobody has asks no journal", async () => {
  const { pool, finish } = await createArchive();
  const id = await finish();
  await pool.do("delete_run", { id });
  pool.calls.length = 0;
  expect(await pool.ask("read_run", { id })).toMatchObject({ ok: false, error: { code: "not_found" } });
  expect(
    await pool.ask("set_state", { id, state: { type: "RUNNING" }, is_forced: false, run: null }),
  ).toMatchObject({ ok: false, error: { code: "not_found" } });
  expect(pool.calls).toEqual([]);
});

test("a day goes with its runs, but not while one of them is under way", async () => {
  const { pool, finish, state, journals, here } = await createArchive();
  const done = await finish({ idempotency_key: "done" });
  await pool.advance(1);
  const { flow_run } = await pool.do("create_run", { draft: draftOf(), deployment: null });
  await state(flow_run.id, "RUNNING");
  await pool.advance(HOUR_MS + 1000);
  expect(here()).toEqual([flow_run.id]);
  const [journal] = journals.values();
  if (journal === undefined) throw new Error("No run has moved.");
  const elapse = async (days: number) => {
    for (let day = 0; day < days; day += 1) {
      await pool.do("touch_run", { id: flow_run.id });
      await pool.advance(DAY_MS / 2);
      await pool.do("touch_run", { id: flow_run.id });
      await pool.advance(DAY_MS / 2);
      for (let rings = 0; rings < 3; rings += 1) {
        await pool.advance(1);
        await journal.actor.alarm();
        await journal.host.settle();
      }
    }
  };
  await elapse(40);
  expect(here()).toEqual([flow_run.id]);
  expect(await pool.do("read_run", { id: done })).toMatchObject({ state_type: "COMPLETED" });
  await state(flow_run.id, "COMPLETED");
  await pool.advance(HOUR_MS + 1000);
  expect(here()).toEqual([]);
  await elapse(33);
  expect(await pool.ask("read_run", { id: done })).toMatchObject({ ok: false, error: { code: "not_found" } });
  for (const table of ["moved", "moved_day", "idempotency"])
    expect(pool.host.sql.all(`SELECT * FROM ${table}`)).toEqual([]);
  expect(journal.host.sql.all("SELECT name FROM sqlite_master WHERE type = 'table'")).toEqual([]);
});

test("a page that is too large for one answer is refused, and says how many fit", async () => {
  const { pool, finish } = await createArchive();
  for (let runs = 0; runs < 14; runs += 1)
    await finish({ parameters: { text: "x".repeat(runs % 2 === 0 ? 500_000 : 1_500_000) } });
  await pool.advance(2 * HOUR_MS);
  const page = (limit: number) =>
    pool.ask("filter_runs", { filter: {}, sort: "ID_DESC", limit, offset: 0 }) as Promise<{ ok: boolean }>;
  const refused = await page(14);
  expect(refused).toMatchObject({ ok: false, error: { code: "invalid" } });
  const limit = Number(/a limit of (\d+)/.exec(JSON.stringify(refused))?.[1]);
  expect(limit).toBe(12);
  expect(await page(limit)).toMatchObject({ ok: true });
});
