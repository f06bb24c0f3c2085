/** Background tasks and the processes that take them. */
import { expect, test } from "vitest";
import { addressOfHub, ENVELOPE_VERSION } from "../../../src/contract/envelope.ts";
import { accept } from "../../../src/contract/errors.ts";
import { HubActor } from "../../../src/objects/hub/actor.ts";
import type { TaskWorker } from "../../../src/objects/hub/task-queue.ts";
import { createNodeHost } from "../../support/node-host.ts";

type Process = { -readonly [Field in keyof TaskWorker]: TaskWorker[Field] };

const ID = "0f9a1c52-0000-4000-8000-0000000000f1";

test("what a process has not acknowledged within a minute is given to another one, and its socket is ended", async () => {
  const clock = { now: Date.UTC(2026, 10, 22, 12) };
  const address = addressOfHub("default");
  const host = createNodeHost({ address, clock, call: () => Promise.resolve(accept(null)) });
  const workers: Process[] = [];
  function addWorker(client_id: string): Process {
    const worker: Process = {
      client_id,
      keys: ["key"],
      in_flight: null,
      served_at: clock.now,
      serve: ({ id }) => {
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
  const frozen = addWorker("frozen");
  const enqueue = async (id: string) => {
    const command = { task_run: { id, task_key: "key" } };
    const envelope = { v: ENVELOPE_VERSION, address, actor: "test", request_id: id } as const;
    await hub.execute({ ...envelope, operation: "enqueue_task", command });
    await host.settle();
  };
  await enqueue(ID);
  expect(frozen.in_flight).toBe(ID);
  const living = addWorker("living");
  expect(host.alarm_at).toBe(clock.now + 60_000);
  clock.now += 60_000;
  await hub.alarm();
  await host.settle();
  expect(living.in_flight).toBe(ID);
  expect(workers).toEqual([living]);
  await hub.serveTasks(ID, () => {
    living.in_flight = null;
  });
  // The alarm of what it has acknowledged rings for what it has not.
  clock.now += 30_000;
  await enqueue(ID.replace("f1", "f2"));
  clock.now += 30_000;
  await hub.alarm();
  expect(workers).toEqual([living]);
  expect(host.alarm_at).toBe(clock.now + 30_000);
});
