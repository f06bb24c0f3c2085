/** Nothing is lost, doubled or shown as it was while runs are on their way between their pool and its journals. */
import { expect, test } from "vitest";
import { refuse } from "../../../src/contract/errors.ts";
import { FLOW_RUN_SORTS } from "../../../src/contract/wire/filters.ts";
import { selectKeys } from "../../../src/objects/shared/run-filter.ts";
import { createArchive, HOUR_MS } from "./archive.ts";
import { draftOf } from "./support.ts";

test("a state is found by its own id, and why is answered, where the run has moved", async () => {
  const { pool, finish, here } = await createArchive();
  const id = await finish();
  const states = await pool.do("read_states", { flow_run_id: id });
  const why = await pool.do("explain_run", { id });
  expect(why.reason).toBe("ended");
  await pool.advance(HOUR_MS + 1000);
  expect(here()).toEqual([]);
  for (const state of states) expect(await pool.do("read_state", { id: state.id })).toEqual(state);
  expect(await pool.do("explain_run", { id })).toEqual(why);
  expect(await pool.ask("read_state", { id })).toMatchObject({ ok: false, error: { code: "not_found" } });
  expect(here()).toEqual([]);
});

test("a run takes its inputs along, and brings them back", async () => {
  const { pool, finish, here } = await createArchive();
  const id = await finish();
  const input = (key: string) => pool.do("create_run_input", { id, input: { key, value: `"${key}"` } });
  const list = (prefix: string, exclude_keys: string[] = [], limit = 10) =>
    pool.do("filter_run_inputs", { id, prefix, exclude_keys, limit });
  for (const key of ["a-1", "a-2", "b-1"]) {
    await input(key);
    await pool.advance(1);
  }
  const all = await list("");
  expect(all.map(({ key }) => key)).toEqual(["a-1", "a-2", "b-1"]);
  await pool.advance(HOUR_MS + 1000);
  expect(here()).toEqual([]);
  expect(await list("")).toEqual(all);
  expect((await list("a-", ["a-1"])).map(({ key }) => key)).toEqual(["a-2"]);
  expect(await list("", [], 1)).toEqual(all.slice(0, 1));
  expect(await pool.do("read_run_input", { id, key: "b-1" })).toBe('"b-1"');
  expect(await pool.ask("read_run_input", { id, key: "c" })).toMatchObject({ error: { code: "not_found" } });
  expect(here()).toEqual([]);
  await pool.do("delete_run_input", { id, key: "a-1" });
  expect(here()).toEqual([id]);
  expect((await list("")).map(({ key }) => key)).toEqual(["a-2", "b-1"]);
});

test("an input that comes while its run is on its way is not lost", async () => {
  const { pool, during, finish, setMeddle } = await createArchive();
  const id = await finish();
  setMeddle(async ({ operation }, ask) => {
    if (operation === "keep_run") {
      setMeddle((_envelope, next) => next());
      await during("create_run_input", { id, input: { key: "late", value: "1" } });
    }
    return ask();
  });
  await pool.advance(HOUR_MS + 1000);
  expect(await pool.do("read_run_input", { id, key: "late" })).toBe("1");
});

test("while the journal's word that it has a run is lost, the run counts once and as it is now", async () => {
  const { pool, finish, count, list, setMeddle, here } = await createArchive();
  const first = await finish();
  await pool.advance(HOUR_MS + 1000);
  expect(here()).toEqual([]);
  const id = await finish();
  const others = [await finish(), first];
  // The journals take everything and nobody hears of it.
  setMeddle(async ({ operation }, ask) => {
    const result = await ask();
    return operation === "keep_run" || operation === "drop_run" ? refuse("unavailable") : result;
  });
  await pool.advance(HOUR_MS + 1000);
  expect(here()).toHaveLength(2);
  expect(await count()).toBe(3);
  expect(await list()).toEqual([others[0], id, first]);
  await pool.do("update_run", { id, update: { name: "renamed" } });
  expect(await count({ name: { any_: ["renamed"] } })).toBe(1);
  expect(await count()).toBe(3);
  await pool.do("delete_run", { id });
  expect(await count()).toBe(2);
  setMeddle((_envelope, ask) => ask());
  await pool.advance(120_000);
  expect(await count()).toBe(2);
  expect(await list()).toEqual(others);
});

test("a run that was deleted while it was on its way does not come back in lists", async () => {
  const { pool, during, finish, count, list, setMeddle, journals } = await createArchive();
  const id = await finish();
  await finish();
  setMeddle(async ({ operation, command }, ask) => {
    const isIt =
      operation === "keep_run" && (command as { kept: { run: { id: string } } }).kept.run.id === id;
    if (isIt) await during("delete_run", { id });
    return ask();
  });
  await pool.advance(HOUR_MS + 5000);
  expect(await count()).toBe(1);
  expect(await list()).not.toContain(id);
  const [journal] = journals.values();
  expect(journal?.host.sql.all("SELECT id FROM flow_run")).toHaveLength(1);
});

test("a run that comes back, or leaves, while the journals are asked is neither lost nor doubled", async () => {
  const { pool, finish, count, list, setMeddle, here } = await createArchive();
  const gone = await finish();
  await pool.advance(HOUR_MS + 1000);
  const meddleOnce = (asked: string, during: () => Promise<unknown>) => {
    setMeddle(async ({ operation }, ask) => {
      if (operation === asked) {
        setMeddle((_envelope, next) => next());
        await during();
      }
      return ask();
    });
  };
  const comeBack = () => pool.do("update_labels", { id: gone, labels: { seen: "yes" } });
  meddleOnce("list_run_keys", comeBack);
  expect(await list()).toEqual([gone]);
  await pool.advance(HOUR_MS + 2000);
  expect(here()).toEqual([]);
  meddleOnce("count_runs", comeBack);
  expect(await count()).toBe(1);
  await pool.advance(HOUR_MS + 2000);
  const leaving = await finish();
  meddleOnce("count_runs", () => pool.advance(HOUR_MS + 1000));
  expect(await count()).toBe(2);
  expect(here()).toEqual([]);
  const another = await finish();
  meddleOnce("list_run_keys", () => pool.advance(HOUR_MS + 1000));
  expect(await list()).toEqual([another, leaving, gone]);
});

test("pages over pool and journals are the pieces of the whole, in every order", async () => {
  const { pool, finish, state, list, here, count } = await createArchive();
  const names = ["b", "B", "\u{1F600}", "\uFF21", "a", "a", "z\u0000", "é", ""];
  for (const [index, name] of names.entries()) {
    const id = await finish();
    await pool.do("update_run", { id, update: { name: name === "" ? null : name } });
    if (index % 3 === 0) await pool.advance(HOUR_MS * 5);
  }
  const expected = async (sort: (typeof FLOW_RUN_SORTS)[number]) => list({}, { sort, limit: 100 });
  for (const [index, name] of names.entries()) {
    await pool.advance(1);
    const { flow_run } = await pool.do("create_run", { draft: draftOf({ name }), deployment: null });
    if (index % 2 === 0) await state(flow_run.id, "RUNNING");
  }
  expect(here().length).toBeLessThan(2 * names.length);
  expect(here().length).toBeGreaterThan(names.length);
  // The order of one store over all runs is what the pages must add up to.
  const whole = new Map<string, string[]>();
  for (const sort of FLOW_RUN_SORTS) whole.set(sort, await expected(sort));
  for (const sort of FLOW_RUN_SORTS) {
    const pages: string[] = [];
    for (let offset = 0; offset < 2 * names.length; offset += 4)
      pages.push(...(await list({}, { sort, limit: 4, offset })));
    expect(pages, sort).toEqual(whole.get(sort));
    expect(new Set(pages).size, sort).toBe(await count());
  }
  for (const id of await list({}, { limit: 100 })) await pool.do("update_labels", { id, labels: {} });
  expect(here()).toHaveLength(2 * names.length);
  for (const sort of FLOW_RUN_SORTS) {
    const ordered = pool.host.sql.all<{ id: string }>(selectKeys(sort, "1"));
    expect(whole.get(sort), sort).toEqual(ordered.map(({ id }) => id));
  }
});
