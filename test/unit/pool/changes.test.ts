/** Who listens hears when a pool and its queues are made, changed and deleted, as Prefect's server tells it. */
import { expect, test } from "vitest";
import { accept } from "../../../src/contract/errors.ts";
import type { Event } from "../../../src/contract/wire/events.ts";
import { createTestPool, POOL, type TestPool } from "./support.ts";

const BLOCK = "0f9a1c52-0000-4000-8000-0000000000b1";

/** The events that were told since the last look. */
const takeTold = (pool: TestPool): Event[] =>
  pool.calls
    .splice(0)
    .filter(({ operation }) => operation === "note_events")
    .flatMap(({ command }) => (command as { events: Event[] }).events);
const namesOf = (events: Event[]) =>
  events.map(
    ({ event, resource }) => `${event.replace("prefect.", "")} ${resource["prefect.resource.name"]}`,
  );

async function start(is_wanted: boolean): Promise<TestPool> {
  const pool = await createTestPool({ isCreated: false });
  pool.answer = ({ operation }) => accept(operation === "note_events" ? { is_wanted } : null);
  return pool;
}

test("what they name is named as Prefect names it, and only what has changed is told", async () => {
  const pool = await start(true);
  const storage_configuration = { default_result_storage_block_id: BLOCK };
  const made = await pool.do("create", { name: POOL, type: "process", storage_configuration });
  const created = takeTold(pool);
  expect(namesOf(created)).toEqual(["work-queue.created default", `work-pool.created ${POOL}`]);
  const resource = {
    "prefect.resource.id": `prefect.work-pool.${made.id}`,
    "prefect.resource.name": POOL,
    "prefect.work-pool.type": "process",
    "prefect.resource.role": "work-pool",
  };
  expect(created.map((event) => [event.resource, event.related])).toEqual([
    [
      {
        "prefect.resource.id": `prefect.work-queue.${made.default_queue_id}`,
        "prefect.resource.name": "default",
        "prefect.resource.role": "work-queue",
      },
      [resource],
    ],
    [
      resource,
      [
        {
          "prefect.resource.id": `prefect.work-queue.${made.default_queue_id}`,
          "prefect.resource.role": "default-queue",
        },
        {
          "prefect.resource.id": `prefect.block-document.${BLOCK}`,
          "prefect.resource.role": "result-storage",
        },
      ],
    ],
  ]);

  await pool.do("update", { concurrency_limit: 3, description: null });
  await pool.do("update", { concurrency_limit: 3 });
  expect(takeTold(pool)).toMatchObject([
    {
      event: "prefect.work-pool.updated",
      related: [],
      payload: {
        updated_fields: ["concurrency_limit"],
        updates: { concurrency_limit: { from: null, to: 3 } },
      },
    },
  ]);

  await pool.do("create_queue", { name: "slow" });
  await pool.do("update_queue", { name: "slow", update: { priority: 1, description: "s" } });
  await pool.do("update_queue", { name: "slow", update: { is_paused: true } });
  await pool.do("delete_queue", { name: "slow" });
  await pool.do("ensure_queue", { name: "kept" });
  await pool.do("ensure_queue", { name: "kept" });
  const ofQueues = takeTold(pool);
  expect(namesOf(ofQueues)).toEqual([
    "work-queue.created slow",
    "work-queue.updated slow",
    "work-queue.paused slow",
    "work-queue.deleted slow",
    "work-queue.created kept",
  ]);
  expect(ofQueues[1]?.payload).toEqual({
    updated_fields: ["description", "priority"],
    updates: { description: { from: "", to: "s" }, priority: { from: 2, to: 1 } },
  });
  for (const event of ofQueues) expect(event.resource["prefect.resource.role"]).toBe("work-queue");

  await pool.do("delete", {});
  expect(namesOf(takeTold(pool)).toSorted()).toEqual([
    `work-pool.deleted ${POOL}`,
    "work-queue.deleted default",
    "work-queue.deleted kept",
  ]);
});

test("nobody listens: only the first is asked about, and who comes within the minute hears the rest", async () => {
  const pool = await start(false);
  await pool.do("create", { name: POOL, type: "process" });
  takeTold(pool);
  await pool.do("create_queue", { name: "q" });
  await pool.do("delete_queue", { name: "q" });
  expect(takeTold(pool)).toEqual([]);
  await pool.do("events_wanted", {});
  expect(namesOf(takeTold(pool))).toEqual([
    "work-queue.created default",
    `work-pool.created ${POOL}`,
    "work-queue.created q",
    "work-queue.deleted q",
  ]);
});
