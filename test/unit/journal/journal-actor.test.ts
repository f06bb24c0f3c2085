import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { ENVELOPE_VERSION } from "../../../src/contract/envelope.ts";
import { accept } from "../../../src/contract/errors.ts";
import { formatInstant } from "../../../src/contract/instants.ts";
import type { Log, LogCreate } from "../../../src/contract/wire/logs.ts";
import { JournalActor } from "../../../src/objects/journal/actor.ts";
import type { LogFilter } from "../../../src/contract/wire/logs.ts";
import type { JournalOperations } from "../../../src/objects/journal/operations.ts";
import { createNodeHost, type NodeHost } from "../../support/node-host.ts";

const START = Date.parse("2026-11-22T10:00:00.000Z");
const DAY_MS = 86_400_000;
const RUN = "01a20173-04a0-7780-bf39-ca88bc31f383";
const OTHER_RUN = "01a20173-04a0-7780-bf39-ca88bc31f384";
const ATTEMPT = "8c21e7ae-9e99-4a1f-905d-e370dddf3a7b";

let clock: { now: number };
let host: NodeHost;
let journal: JournalActor;
/** What the pool says when it is asked whether the day is needed. */
let isNeeded: boolean;
let asked: unknown[][];

beforeEach(async () => {
  clock = { now: START };
  isNeeded = false;
  asked = [];
  host = createNodeHost({
    address: { workspace: "w", kind: "journal", key: "0123456789-20261122" },
    clock,
    call: async ({ address, operation, command }) => {
      asked.push([address.kind, address.key, operation, command]);
      return accept({ is_needed: isNeeded });
    },
  });
  journal = await startJournal();
});

async function startJournal(): Promise<JournalActor> {
  const actor = new JournalActor(host, { retention_days: 30 });
  await actor.start();
  return actor;
}

async function ask<Operation extends keyof JournalOperations>(
  operation: Operation,
  command: JournalOperations[Operation]["command"],
): Promise<JournalOperations[Operation]["answer"]> {
  const result = await journal.execute({
    v: ENVELOPE_VERSION,
    address: host.address,
    actor: "test",
    request_id: "r",
    operation,
    command,
  });
  if (!result.ok) throw new Error(result.error.detail);
  return result.value as JournalOperations[Operation]["answer"];
}

const write = (...logs: (Partial<LogCreate> & { at?: number })[]) =>
  ask("write_logs", {
    logs: logs.map(({ at = 0, ...log }) => ({
      name: "flow",
      level: 20,
      message: "hello",
      timestamp: formatInstant(START + at),
      flow_run_id: RUN,
      ...log,
    })),
  });
const find = (
  filter: LogFilter = { flow_run_ids: [RUN] },
  more: { limit?: number; offset?: number; sort?: "TIMESTAMP_DESC" } = {},
) => ask("filter_logs", { filter, sort: "TIMESTAMP_ASC", limit: 200, offset: 0, ...more });
const messages = (logs: Log[]) => logs.map(({ message }) => message);
const countRows = () => host.sql.all("SELECT 1 FROM chunk").length;

test("logs come back in the order of time, those of one instant as they came", async () => {
  await write({ message: "c", at: 2 }, { message: "b1", at: 1 }, { message: "b2", at: 1 });
  await write({ message: "a", at: 0 }, { message: "b3", at: 1 });
  expect(messages(await find())).toEqual(["a", "b1", "b2", "b3", "c"]);
  expect(messages(await find(undefined, { sort: "TIMESTAMP_DESC" }))).toEqual(["c", "b3", "b2", "b1", "a"]);
});

test("a log has an id of its own, its run and what was said", async () => {
  await write({ task_run_id: OTHER_RUN, level: 40 }, {});
  const [log, second] = await find();
  expect(log).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    created: "2026-11-22T10:00:00.000000Z",
    updated: "2026-11-22T10:00:00.000000Z",
    name: "flow",
    level: 40,
    message: "hello",
    timestamp: "2026-11-22T10:00:00.000000Z",
    flow_run_id: RUN,
    task_run_id: OTHER_RUN,
    worker_id: null,
  });
  expect(second?.id).not.toBe(log?.id);
});

describe("rows", () => {
  test("a batch is one row per run, and small batches share one", async () => {
    await write(...Array.from({ length: 100 }, (_, index) => ({ at: index })));
    expect(countRows()).toBe(1);
    await write({}, {}, { flow_run_id: OTHER_RUN });
    expect(countRows()).toBe(2);
    expect(await find()).toHaveLength(102);
  });

  test("no row passes the platform's bound", async () => {
    await write(...Array.from({ length: 5 }, () => ({ message: "x".repeat(1024 * 1024) })), {
      message: "end",
    });
    const [largest] = host.sql.all<{ bytes: number }>(
      "SELECT max(length(CAST(lines AS BLOB))) AS bytes FROM chunk",
    );
    expect(largest?.bytes).toBeLessThan(2_000_000);
    expect(messages(await find()).at(-1)).toBe("end");
  });

  test("a page of very long logs ends early, and the next one goes on", async () => {
    await write(...Array.from({ length: 20 }, (_, index) => ({ at: index, message: "x".repeat(1_000_000) })));
    let offset = 0;
    const sizes: number[] = [];
    for (;;) {
      const page = await find(undefined, { offset });
      if (page.length === 0) break;
      sizes.push(page.length);
      offset += page.length;
    }
    expect(offset).toBe(20);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8);
  });
});

describe("a batch that is sent twice", () => {
  test("is stored once where its chunks are numbered", async () => {
    const batch = [0, 1, 2].map((sequence) => ({ message: `m${sequence}`, sequence, attempt_id: ATTEMPT }));
    await write(...batch);
    await write(...batch, { message: "m3", sequence: 3, attempt_id: ATTEMPT });
    expect(messages(await find())).toEqual(["m0", "m1", "m2", "m3"]);
    expect(host.sql.all("SELECT 1 FROM attempt")).toHaveLength(1);
  });

  test("in another order loses nothing", async () => {
    await write({ message: "late", sequence: 1, attempt_id: ATTEMPT, at: 1 });
    await write({ message: "early", sequence: 0, attempt_id: ATTEMPT });
    expect(messages(await find())).toEqual(["early", "late"]);
  });

  test("is that of one attempt of one run only", async () => {
    await write({ sequence: 0, attempt_id: ATTEMPT });
    await write(
      { sequence: 0, attempt_id: OTHER_RUN },
      { sequence: 0, attempt_id: ATTEMPT, flow_run_id: OTHER_RUN },
    );
    expect(await find()).toHaveLength(2);
    expect(await find({ flow_run_ids: [OTHER_RUN] })).toHaveLength(1);
  });
});

describe("filters", () => {
  beforeEach(async () => {
    await write(
      { message: "debug", level: 10, at: 0 },
      { message: "info", level: 20, at: 10, task_run_id: OTHER_RUN },
      { message: "error", level: 40, at: 20 },
      { message: "of another run", flow_run_id: OTHER_RUN },
      { message: "of no run", flow_run_id: null },
    );
  });

  const instant = (at: number) => formatInstant(START + at);
  test.each<[string, LogFilter, string[]]>([
    ["level from", { level_ge: 20 }, ["info", "error"]],
    ["level to", { level_le: 20 }, ["debug", "info"]],
    ["from an instant, included", { timestamp_after: instant(10) }, ["info", "error"]],
    ["to an instant, included", { timestamp_before: instant(10) }, ["debug", "info"]],
    ["of a task run", { task_run_ids: [OTHER_RUN] }, ["info"]],
    ["of no task run", { is_task_run_null: true }, ["debug", "error"]],
    ["of some task run", { is_task_run_null: false }, ["info"]],
    ["text", { text: "err" }, ["error"]],
    ["all at once", { level_ge: 20, timestamp_before: instant(15), text: "-error" }, ["info"]],
    ["no run at all", { flow_run_ids: [] }, []],
  ])("%s", async (_, filter, expected) => {
    expect(messages(await find({ flow_run_ids: [RUN], ...filter }))).toEqual(expected);
  });

  test("several runs, and all of them", async () => {
    expect(await find({ flow_run_ids: [RUN, OTHER_RUN, RUN] })).toHaveLength(4);
    expect(await find({})).toHaveLength(5);
    expect((await find({ text: "no run" }))[0]?.flow_run_id).toBeNull();
  });
});

test("pages are the pieces of the sorted whole, however the chunks overlap", async () => {
  const log = fc.record({
    at: fc.integer({ min: 0, max: 40 }),
    level: fc.constantFrom(10, 20, 40),
    // Long ones close chunks, so that a few logs make many.
    length: fc.constantFrom(1, 1, 1, 20_000, 40_000, 270_000),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(log, { minLength: 1, maxLength: 6 }), { maxLength: 6 }),
      fc.integer({ min: 2, max: 7 }),
      fc.constantFrom<LogFilter>({}, { level_ge: 20 }, { timestamp_after: formatInstant(START + 15) }),
      fc.constantFrom("TIMESTAMP_ASC" as const, "TIMESTAMP_DESC" as const),
      async (batches, size, filter, sort) => {
        host = createNodeHost({ address: host.address, clock });
        journal = await startJournal();
        const model: { message: string; level: number; at: number }[] = [];
        for (const batch of batches) {
          const logs = batch.map(({ at, level, length }) => ({
            at,
            level,
            message: `${model.length}:`.padEnd(length, "."),
          }));
          for (const [index, item] of logs.entries())
            item.message = `${model.length + index}:`.padEnd(item.message.length, ".");
          model.push(...logs);
          await write(...logs);
        }
        const direction = sort === "TIMESTAMP_ASC" ? 1 : -1;
        const expected = model
          .map((item, place) => ({ ...item, place }))
          .filter(
            ({ level, at }) =>
              level >= (filter.level_ge ?? 0) && (filter.timestamp_after === undefined || at >= 15),
          )
          .sort((left, right) => direction * (left.at - right.at || left.place - right.place))
          .map(({ message }) => message);
        const found: string[] = [];
        for (let offset = 0; ; offset += size) {
          const page = await ask("filter_logs", {
            filter: { flow_run_ids: [RUN], ...filter },
            sort,
            limit: size,
            offset,
          });
          if (page.length === 0) break;
          found.push(...messages(page));
        }
        expect(found).toEqual(expected);
      },
    ),
    { numRuns: 25 },
  );
});

describe("a tail", () => {
  test("goes on from a place", async () => {
    await write({ message: "a" }, { message: "b" }, { message: "c" });
    const first = await ask("tail_logs", { flow_run_id: RUN, after: 0, limit: 2, wait_seconds: 0 });
    expect([messages(first.logs), first.next]).toEqual([["a", "b"], 2]);
    const second = await ask("tail_logs", { flow_run_id: RUN, after: first.next, limit: 2, wait_seconds: 0 });
    expect([messages(second.logs), second.next]).toEqual([["c"], 3]);
  });

  test("hears the next log, also the run's first", async () => {
    const heard = ask("tail_logs", { flow_run_id: RUN, after: 0, limit: 10, wait_seconds: 25 });
    await write({ flow_run_id: OTHER_RUN });
    await write({ message: "first" });
    expect(await heard).toMatchObject({ logs: [{ message: "first" }], next: 1 });
  });

  test("ends when its time is over", async () => {
    const heard = ask("tail_logs", { flow_run_id: RUN, after: 0, limit: 10, wait_seconds: 25 });
    expect(host.alarm_at).toBe(START + 25_000);
    clock.now = START + 25_000;
    await journal.alarm();
    expect(await heard).toEqual({ logs: [], next: 0 });
    expect(host.alarm_at).toBeGreaterThan(START + 29 * DAY_MS);
  });

  test("crosses chunks without losing a log", async () => {
    for (let index = 0; index < 40; index += 1) await write({ message: `${index}:`.padEnd(40_000, ".") });
    let after = 0;
    const found: string[] = [];
    for (;;) {
      const { logs, next } = await ask("tail_logs", { flow_run_id: RUN, after, limit: 7, wait_seconds: 0 });
      if (logs.length === 0) break;
      found.push(...messages(logs).map((message) => message.slice(0, message.indexOf(":"))));
      after = next;
    }
    expect(found).toEqual(Array.from({ length: 40 }, (_, index) => String(index)));
  });
});

describe("the end", () => {
  /** Rings the alarm for as long as it is due. */
  async function elapse(): Promise<void> {
    for (let rings = 0; rings < 10 && host.alarm_at !== null && host.alarm_at <= clock.now; rings += 1) {
      await journal.alarm();
      await host.settle();
      clock.now += 1;
    }
    clock.now -= 1;
  }

  test("of a run's logs", async () => {
    await write({}, { flow_run_id: OTHER_RUN });
    await ask("delete_run_logs", { flow_run_id: RUN });
    expect(await find()).toEqual([]);
    expect(await find({ flow_run_ids: [OTHER_RUN] })).toHaveLength(1);
  });

  test("of the whole day comes when nothing was written for as long as logs are kept", async () => {
    await write({});
    clock.now = START + 10 * DAY_MS;
    await write({});
    clock.now = START + 31 * DAY_MS;
    await journal.alarm();
    expect(await find()).toHaveLength(2);
    clock.now = host.alarm_at ?? 0;
    expect(clock.now).toBeGreaterThanOrEqual(START + 40 * DAY_MS);
    expect(clock.now).toBeLessThanOrEqual(START + 41 * DAY_MS);
    await elapse();
    expect(asked).toEqual([["pool", "0123456789", "retire_day", { day: "20261122" }]]);
    expect(host.sql.all("SELECT name FROM sqlite_master")).toEqual([]);
    expect(host.alarm_at).toBeNull();
    expect(await find()).toEqual([]);
    expect(host.sql.all("SELECT name FROM sqlite_master")).toEqual([]);
  });

  test("waits while a run of the day lives, a day at a time", async () => {
    isNeeded = true;
    await write({});
    clock.now = host.alarm_at ?? 0;
    await elapse();
    expect(await find()).toHaveLength(1);
    isNeeded = false;
    clock.now += DAY_MS / 2;
    await elapse();
    expect(asked).toHaveLength(1);
    clock.now += DAY_MS / 2;
    await elapse();
    expect(await find()).toEqual([]);
    expect(asked).toHaveLength(2);
  });

  test("does not come for a day in which a log comes in the same moment", async () => {
    await write({ message: "old" });
    clock.now = START + 40 * DAY_MS;
    await write({ message: "new", at: 40 * DAY_MS });
    await elapse();
    expect(messages(await find())).toEqual(["old", "new"]);
    clock.now += 29 * DAY_MS;
    await elapse();
    expect(messages(await find())).toEqual(["old", "new"]);
  });
});

test("a journal that nobody wrote is empty and stays no journal", async () => {
  expect(await find()).toEqual([]);
  await ask("delete_run_logs", { flow_run_id: RUN });
  expect(host.sql.all("SELECT name FROM sqlite_master")).toEqual([]);
});

test("a new instance goes on where the last one stopped", async () => {
  await write({ message: "a", sequence: 0, attempt_id: ATTEMPT });
  journal = await startJournal();
  await write({ message: "a", sequence: 0, attempt_id: ATTEMPT }, { message: "b" });
  expect(messages(await find())).toEqual(["a", "b"]);
});
