/** Background tasks and the processes that take them. */
import { expect, test } from "vitest";
import { addressOfHub, ENVELOPE_VERSION } from "../../../src/contract/envelope.ts";
import { accept } from "../../../src/contract/errors.ts";
import { HubActor } from "../../../src/objects/hub/actor.ts";
import type { TaskWorker } from "../../../src/objects/hub/task-queue.ts";
import { createNodeHost } from "../../support/node-host.ts";

type Process = { -readonly [Field in keyof TaskWorker]: TaskWorker[Field] };

const [ID, OTHER] = ["0f9a1c52-0000-4000-8000-0000000000f1", "0f9a1c52-0000-4000-8000-0000000000f2"];

async function makeHub() {
  const clock = { now: Date.UTC(2026, 10, 22, 12) };
  const address = addressOfHub("default");
  const host = createNodeHost({ address, clock, call: () => Promise.resolve(accept(null)) });
  const workers: Process[] = [];
  /** Who was sent what, in that order. */
  const served: [string, string][] = [];
  function addWorker(client_id: string): Process {
    const worker: Process = {
      client_id,
      keys: ["key"],
      in_flight: null,
      served_at: clock.now,
      serve: ({ id }) => {
        served.push([client_id, id]);
        [worker.in_flight, worker.served_at] = [id, clock.now];
      },
      end: () => void workers.splice(workers.indexOf(worker), 1),
    };
    workers.push(worker);
    return worker;
  }
  const hub = new HubActor(host, {
    listeners: () => [],
    taskWorkers: () => workers,
    refuseSenders: () => {},
  });
  await hub.start();
  const enqueue = async (id: string, state_id: string) => {
    const command = { task_run: { id, task_key: "key", state: { id: state_id } } };
    const envelope = { v: ENVELOPE_VERSION, address, actor: "test", request_id: id } as const;
    await hub.execute({ ...envelope, operation: "enqueue_task", command });
    await host.settle();
  };
  const acknowledge = async (worker: Process) => {
    await hub.serveTasks(worker.in_flight, () => {
      worker.in_flight = null;
    });
    await host.settle();
  };
  return { clock, host, hub, workers, addWorker, enqueue, acknowledge, served };
}

test("what a process has not acknowledged within a minute is given to another one, and its socket is ended", async () => {
  const { clock, host, hub, workers, addWorker, enqueue, acknowledge } = await makeHub();
  const frozen = addWorker("frozen");
  await enqueue(ID, "scheduled");
  expect(frozen.in_flight).toBe(ID);
  const living = addWorker("living");
  expect(host.alarm_at).toBe(clock.now + 60_000);
  clock.now += 60_000;
  await hub.alarm();
  await host.settle();
  expect(living.in_flight).toBe(ID);
  expect(workers).toEqual([living]);
  await acknowledge(living);
  // The alarm of what it has acknowledged rings for what it has not.
  clock.now += 30_000;
  await enqueue(OTHER, "scheduled");
  clock.now += 30_000;
  await hub.alarm();
  expect(workers).toEqual([living]);
  expect(host.alarm_at).toBe(clock.now + 30_000);
});

test("what is acknowledged when the minute is over, and the alarm late, is given to nobody else", async () => {
  const { clock, addWorker, enqueue, acknowledge, served } = await makeHub();
  const slow = addWorker("slow");
  await enqueue(ID, "scheduled");
  addWorker("other");
  clock.now += 60_001;
  await acknowledge(slow);
  expect(served).toEqual([["slow", ID]]);
});

test("a task that is said twice to be scheduled is given out once, and once more when it is scheduled anew", async () => {
  const { addWorker, enqueue, acknowledge, served } = await makeHub();
  const one = addWorker("one");
  await enqueue(ID, "scheduled");
  await acknowledge(one);
  // The answer to the first word was lost, so it is said again.
  await enqueue(ID, "scheduled");
  expect(served).toEqual([["one", ID]]);
  await enqueue(ID, "retried");
  expect(served).toEqual([
    ["one", ID],
    ["one", ID],
  ]);
});

test("what is acknowledged as its socket closes is given to nobody else, though the word waits for its turn", async () => {
  for (const isAlarmLate of [false, true]) {
    const { clock, hub, host, workers, addWorker, enqueue, served } = await makeHub();
    const slow = addWorker("slow");
    await enqueue(ID, "scheduled");
    addWorker("other");
    if (isAlarmLate) clock.now += 59_999;
    // A commit is in flight, and somebody who looks for tasks waits for the next turn.
    const before = [hub.serveTasks(), ...(isAlarmLate ? [] : [hub.serveTasks()])];
    if (isAlarmLate) clock.now += 2;
    const acknowledged = hub.serveTasks(slow.in_flight, () => {
      slow.in_flight = null;
    });
    // As the object does at once when a socket closes, before any turn.
    workers.splice(workers.indexOf(slow), 1);
    await Promise.all([...before, acknowledged, hub.serveTasks()]);
    await host.settle();
    expect(served).toEqual([["slow", ID]]);
  }
});

test("what is acknowledged is given to nobody else, though the turn of that word fails", async () => {
  for (const failing of ["INSERT OR REPLACE INTO taken_task", "SELECT task_run_id, record"]) {
    const { clock, hub, host, addWorker, enqueue, acknowledge, served } = await makeHub();
    const one = addWorker("one");
    await enqueue(ID, "scheduled");
    const { sql } = host;
    const all: typeof sql.all = sql.all.bind(sql);
    let hasFailed = false;
    sql.all = (statement, ...values) => {
      if (hasFailed || !statement.includes(failing)) return all(statement, ...values);
      hasFailed = true;
      throw new Error("database or disk is full");
    };
    await acknowledge(one);
    addWorker("two");
    await hub.serveTasks();
    clock.now += 61_000;
    await hub.alarm();
    await host.settle();
    expect(hasFailed).toBe(true);
    expect(served).toEqual([["one", ID]]);
  }
});
