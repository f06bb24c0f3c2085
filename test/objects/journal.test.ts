import { env, exports } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { ENVELOPE_VERSION, formatAddress } from "../../src/contract/envelope.ts";
import { deriveShardKey, formatId } from "../../src/contract/ids.ts";
import { journalOfRun } from "../../src/contract/journals.ts";
import type { Log, LogCreate } from "../../src/contract/wire/logs.ts";
import type { ObjectRpc } from "../../src/objects/shared/stub.ts";
import type { JournalOperations } from "../../src/objects/journal/operations.ts";

const DAY_MS = 86_400_000;
const KEY = deriveShardKey("pool", "default", "pool");
let runs = 0;
const newRunId = () => {
  runs += 1;
  return formatId({ layout: "flow_run", key: KEY, head: Date.now(), version: 7, tail: runs });
};

const post = (path: string, body: unknown) =>
  exports.default.fetch(`http://sluice.test/api${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
const log = (flow_run_id: string | null, message: string, more: Partial<LogCreate> = {}): LogCreate => ({
  name: "flow",
  level: 20,
  message,
  timestamp: new Date().toISOString(),
  flow_run_id,
  ...more,
});

async function find(flow_run_id: string, more: object = {}): Promise<string[]> {
  const response = await post("/logs/filter", { logs: { flow_run_id: { any_: [flow_run_id] } }, ...more });
  expect(response.status).toBe(200);
  return (await response.json<Log[]>()).map(({ message }) => message);
}

const stubOf = (run: string) => env.RUN_JOURNAL.getByName(formatAddress(journalOfRun("default", run)!));

/** Asks the object itself, as the API does when it has seen that the run exists. */
async function ask<Operation extends keyof JournalOperations>(
  run: string,
  operation: Operation,
  command: JournalOperations[Operation]["command"],
): Promise<JournalOperations[Operation]["answer"]> {
  const result = await (stubOf(run) as unknown as ObjectRpc).execute({
    v: ENVELOPE_VERSION,
    address: journalOfRun("default", run)!,
    actor: "test",
    request_id: crypto.randomUUID(),
    operation,
    command,
  });
  if (!result.ok) throw new Error(result.error.detail);
  return result.value as JournalOperations[Operation]["answer"];
}

afterEach(() => {
  vi.useRealTimers();
});

describe("over the API", () => {
  test("logs are written as Prefect's clients do, found, paged and kept in order", async () => {
    const run = newRunId();
    const start = Date.now();
    const batch = Array.from({ length: 7 }, (_, index) =>
      log(run, String(index), {
        timestamp: new Date(start + index).toISOString(),
        level: index < 3 ? 10 : 40,
      }),
    );
    for (const path of ["/logs/", "/logs"]) {
      const response = await post(path, path === "/logs/" ? batch.slice(3) : batch.slice(0, 3));
      expect(response.status).toBe(201);
      expect(await response.json()).toBeNull();
    }
    expect(await find(run)).toEqual(["0", "1", "2", "3", "4", "5", "6"]);
    expect(await find(run, { sort: "TIMESTAMP_DESC", limit: 2 })).toEqual(["6", "5"]);
    expect(await find(run, { limit: 3, offset: 6 })).toEqual(["6"]);
    expect(await find(run, { limit: 3, offset: 100_000 })).toEqual([]);
  });

  test("logs of other servers' runs, and of none, are found too", async () => {
    const foreign = crypto.randomUUID();
    await post("/logs/", [log(foreign, "foreign"), log(null, "of nobody"), log(newRunId(), "ours")]);
    expect(await find(foreign.toUpperCase())).toEqual(["foreign"]);
    const all = await post("/logs/filter", { logs: { text: { query: "nobody" } } });
    expect(await all.json()).toMatchObject([{ message: "of nobody", flow_run_id: null }]);
  });

  test("text comes back as it was sent, whatever is in it", async () => {
    const run = newRunId();
    const message = '\u0000 "quotes" \\ \n 😀 \ud800 é';
    await post("/logs/", [log(run, message, { name: "\u0000" })]);
    expect(await find(run)).toEqual([message]);
  });

  test("a batch with a fault stores nothing", async () => {
    const run = newRunId();
    const response = await post("/logs/", [log(run, "good"), { ...log(run, "bad"), level: "high" }]);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ exception_detail: [{ loc: ["body", 1, "level"] }] });
    expect(await find(run)).toEqual([]);
  });

  test("four megabytes are taken, more than the cap is 413", async () => {
    const run = newRunId();
    const large = Array.from({ length: 4 }, () => log(run, "x".repeat(1_000_000)));
    expect((await post("/logs/", large)).status).toBe(201);
    expect(await find(run)).toHaveLength(4);
    const larger = Array.from({ length: 9 }, () => log(run, "x".repeat(1_000_000)));
    expect((await post("/logs/", larger)).status).toBe(413);
  });

  test("a run that nobody created has no tail and no download", async () => {
    for (const run of [newRunId(), crypto.randomUUID(), "no-id"])
      for (const route of ["tail", "download"]) {
        const response = await exports.default.fetch(`http://sluice.test/api/flow_runs/${run}/logs/${route}`);
        expect(response.status).toBe(404);
      }
  });
});

describe("the logs of a run that exists", () => {
  const ROOT = "http://sluice.test/api";
  async function createRun(): Promise<string> {
    const flow = await (await post("/flows/", { name: "flow" })).json<{ id: string }>();
    const response = await post("/flow_runs/", { flow_id: flow.id, name: 'run "one", é' });
    expect(response.status).toBe(201);
    return (await response.json<{ id: string }>()).id;
  }

  test("are followed from the first one on", async () => {
    const run = await createRun();
    const tail = async (after: number, wait_seconds: number) => {
      const response = await exports.default.fetch(
        `${ROOT}/flow_runs/${run}/logs/tail?after=${after}&wait_seconds=${wait_seconds}`,
      );
      expect(response.status).toBe(200);
      return response.json<{ logs: Log[]; next: number }>();
    };
    expect(await tail(0, 0)).toEqual({ logs: [], next: 0 });
    const heard = tail(0, 20);
    await post("/logs/", [log(run, "first")]);
    expect(await heard).toMatchObject({ logs: [{ message: "first" }], next: 1 });
    await post("/logs/", [log(run, "second"), log(run, "third")]);
    expect(await tail(1, 20)).toMatchObject({ logs: [{ message: "second" }, { message: "third" }], next: 3 });
  });

  test("are found by a task run alone", async () => {
    const run = await createRun();
    const ordered = formatId({
      layout: "task_run",
      key: "0000000000",
      head: Date.now(),
      version: 7,
      tail: 1,
    });
    const random = crypto.randomUUID();
    await post("/logs/", [log(run, "a", { task_run_id: ordered }), log(run, "b", { task_run_id: random })]);
    for (const [task, message] of [
      [ordered, "a"],
      [random, "b"],
    ]) {
      const response = await post("/logs/filter", { logs: { task_run_id: { any_: [task] } } });
      expect(await response.json()).toMatchObject([{ message }]);
    }
  });

  test("go with the run", async () => {
    const run = await createRun();
    await post("/logs/", [log(run, "here")]);
    expect(await find(run)).toEqual(["here"]);
    expect((await exports.default.fetch(`${ROOT}/flow_runs/${run}`, { method: "DELETE" })).status).toBe(204);
    await expect.poll(() => find(run)).toEqual([]);
  });

  test("are downloaded as CSV, all of them", async () => {
    const run = await createRun();
    const start = Date.now();
    const batch = Array.from({ length: 1200 }, (_, index) =>
      log(run, `line ${index}, "quoted"\nand broken`, { timestamp: new Date(start + index).toISOString() }),
    );
    await post("/logs/", batch);
    const response = await exports.default.fetch(`${ROOT}/flow_runs/${run}/logs/download`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain("text/csv");
    expect(response.headers.get("content-disposition")).toContain("run%20%22one%22%2C%20%C3%A9-logs.csv");
    const rows = (await response.text()).split("\r\n");
    expect(rows[0]).toBe("timestamp,level,flow_run_id,task_run_id,message");
    expect(rows[1]).toMatch(/^\S+Z,20,[0-9a-f-]{36},,"line 0, ""quoted""\nand broken"$/);
    expect(rows).toHaveLength(1202);
  });
});

test("what was written survives the end of the instance, and a batch sent again is stored once", async () => {
  const run = newRunId();
  const attempt_id = crypto.randomUUID();
  const batch = [log(run, "a", { attempt_id, sequence: 0 }), log(run, "b", { attempt_id, sequence: 1 })];
  await ask(run, "write_logs", { logs: batch });
  await evictDurableObject(stubOf(run));
  await ask(run, "write_logs", { logs: [...batch, log(run, "c", { attempt_id, sequence: 2 })] });
  expect(await find(run)).toEqual(["a", "b", "c"]);
});

test("a held tail hears the next log", async () => {
  const run = newRunId();
  const heard = ask(run, "tail_logs", { flow_run_id: run, after: 0, limit: 10, wait_seconds: 25 });
  await expect
    .poll(() => runInDurableObject(stubOf(run), (_, state) => state.storage.getAlarm()))
    .not.toBeNull();
  await ask(run, "write_logs", { logs: [log(run, "now")] });
  expect(await heard).toMatchObject({ logs: [{ message: "now" }], next: 1 });
});

test("a tail ends by the alarm when its time is over", async () => {
  const run = newRunId();
  const heard = await ask(run, "tail_logs", { flow_run_id: run, after: 3, limit: 10, wait_seconds: 0.2 });
  expect(heard).toEqual({ logs: [], next: 3 });
});

describe("retention", () => {
  test("the alarm deletes a whole day, and the journal can begin again", async () => {
    const run = newRunId();
    await ask(run, "write_logs", { logs: [log(run, "old")] });
    const due = await runInDurableObject(stubOf(run), (_, state) => state.storage.getAlarm());
    expect(due).toBeGreaterThan(Date.now() + 29 * DAY_MS);
    vi.useFakeTimers({ toFake: ["Date"], now: due ?? 0 });
    const readTables = () =>
      runInDurableObject(stubOf(run), (_, state) =>
        state.storage.sql
          .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
          .toArray(),
      );
    // The pool is asked in between whether it needs the day; this one does not exist.
    await waitFor(async () => {
      await runDurableObjectAlarm(stubOf(run));
      expect(await readTables()).toEqual([]);
    });
    vi.useRealTimers();
    expect(await runInDurableObject(stubOf(run), (_, state) => state.storage.getAlarm())).toBeNull();
    expect(await find(run)).toEqual([]);
    await ask(run, "write_logs", { logs: [log(run, "new")] });
    expect(await find(run)).toEqual(["new"]);
  });

  test("an alarm that comes early deletes nothing and is set again", async () => {
    const run = newRunId();
    await ask(run, "write_logs", { logs: [log(run, "kept")] });
    expect(await runDurableObjectAlarm(stubOf(run))).toBe(true);
    expect(await find(run)).toEqual(["kept"]);
    await expect
      .poll(() => runInDurableObject(stubOf(run), (_, state) => state.storage.getAlarm()))
      .toBeGreaterThan(Date.now() + 29 * DAY_MS);
  });
});
