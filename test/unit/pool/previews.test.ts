import { expect, test } from "vitest";
import type { ChangePreview, PreviewedChange } from "../../../src/contract/wire/work-pools.ts";
import {
  previewChange,
  type PreviewedPool,
  type PreviewedQueue,
  type PreviewedWorkers,
} from "../../../src/domain/pool/preview.ts";
import { createTestPool, draftOf } from "./support.ts";

const queue = (id: string, more: Partial<PreviewedQueue> = {}): PreviewedQueue => ({
  id,
  name: id,
  priority: id.charCodeAt(0),
  is_paused: false,
  limit: null,
  used: 0,
  due: 0,
  ...more,
});
const pool = (queues: PreviewedQueue[], more: Partial<PreviewedPool> = {}): PreviewedPool => ({
  is_paused: false,
  limit: null,
  used: queues.reduce((sum, { used }) => sum + used, 0),
  queues,
  ...more,
});
const anybody = (room: number | null): PreviewedWorkers => ({ room, serves: () => true });
const only = (room: number | null, ...names: string[]): PreviewedWorkers => ({
  room,
  serves: (name) => names.includes(name),
});

const cases: [string, PreviewedPool, PreviewedWorkers[], PreviewedChange, Partial<ChangePreview>][] = [
  [
    "a limit is raised while every queue is paused",
    pool([queue("a", { is_paused: true, used: 5, due: 9 }), queue("b", { is_paused: true, due: 1 })], {
      limit: 5,
    }),
    [anybody(3)],
    { pool: { concurrency_limit: 8 } },
    { active: 5, due: 10, room: 3, begins: 0, over: 0, blocked_by: "queue_paused" },
  ],
  [
    "a limit is raised while the queue is full",
    pool([queue("a", { limit: 5, used: 5, due: 9 })], { limit: 5 }),
    [anybody(3)],
    { pool: { concurrency_limit: 8 } },
    { begins: 0, blocked_by: "queue_limit" },
  ],
  [
    "a limit is raised further than workers have room",
    pool([queue("a", { used: 5, due: 9 })], { limit: 5 }),
    [anybody(3)],
    { pool: { concurrency_limit: 50 } },
    { begins: 3, blocked_by: "workers" },
  ],
  [
    "a limit is raised by less than waits",
    pool([queue("a", { used: 5, due: 9 })], { limit: 5 }),
    [anybody(null)],
    { pool: { concurrency_limit: 7 } },
    { room: null, begins: 2, blocked_by: "pool_limit" },
  ],
  [
    "a limit is lifted, and all begin",
    pool([queue("a", { used: 5, due: 4 })], { limit: 5 }),
    [anybody(null)],
    { pool: { concurrency_limit: null } },
    { begins: 4, blocked_by: null },
  ],
  [
    "a limit is lowered below what is under way",
    pool([queue("a", { used: 5, due: 4 })]),
    [anybody(2)],
    { pool: { concurrency_limit: 3 } },
    { active: 5, begins: 0, over: 2, blocked_by: "pool_limit" },
  ],
  [
    "the limit of a queue is raised in a pool that is paused",
    pool([queue("a", { limit: 1, used: 1, due: 2 })], { is_paused: true }),
    [anybody(2)],
    { queue: { id: "a", concurrency_limit: 3 } },
    { begins: 0, blocked_by: "pool_paused" },
  ],
  [
    "the limit of a queue is raised in a pool that is full",
    pool([queue("a", { limit: 1, used: 1, due: 2 }), queue("b", { used: 3, due: 7 })], { limit: 4 }),
    [anybody(9)],
    { queue: { id: "a", concurrency_limit: 3 } },
    { active: 1, due: 2, begins: 0, over: 0, blocked_by: "pool_limit" },
  ],
  [
    "the limit of a queue is lowered, and others of the pool do not count",
    pool([queue("a", { used: 3 }), queue("b", { used: 3 })]),
    [anybody(9)],
    { queue: { id: "a", concurrency_limit: 2 } },
    { active: 3, due: 0, over: 1, blocked_by: null },
  ],
  [
    "a queue is resumed that no worker serves",
    pool([queue("a", { is_paused: true, due: 2 }), queue("b")]),
    [only(9, "b")],
    { queue: { id: "a", is_paused: false } },
    { room: 0, begins: 0, blocked_by: "workers" },
  ],
  [
    "a queue is resumed behind another that has all the room",
    pool([queue("a", { due: 3 }), queue("b", { is_paused: true, due: 2 })]),
    [anybody(3)],
    { queue: { id: "b", is_paused: false } },
    { due: 2, room: 3, begins: 0, blocked_by: "workers" },
  ],
  [
    "a queue is resumed that takes the room of one behind it",
    pool([queue("a", { is_paused: true, due: 2 }), queue("b", { due: 3 })]),
    [anybody(3)],
    { queue: { id: "a", is_paused: false } },
    { begins: 2, blocked_by: null },
  ],
  [
    "a pool is resumed: a queue stays paused, another has a limit, workers serve one each",
    pool(
      [
        queue("a", { is_paused: true, due: 5 }),
        queue("b", { limit: 2, used: 1, due: 5 }),
        queue("c", { due: 5 }),
      ],
      { is_paused: true },
    ),
    [anybody(1), only(4, "b"), only(2, "c")],
    { pool: { is_paused: false } },
    { active: 1, due: 15, room: 7, begins: 4, blocked_by: "workers" },
  ],
  [
    "a pool is resumed while its limit is reached",
    pool([queue("a", { used: 2, due: 5 })], { is_paused: true, limit: 2 }),
    [anybody(9)],
    { pool: { is_paused: false } },
    { begins: 0, blocked_by: "pool_limit" },
  ],
  [
    "a pool is paused",
    pool([queue("a", { used: 2, due: 5 })]),
    [],
    { pool: { is_paused: true } },
    { active: 2, due: 5, room: 0, begins: 0, over: 0, blocked_by: "pool_paused" },
  ],
  [
    "what would begin anyway does not begin by a change",
    pool([queue("a", { due: 2 })], { limit: 3 }),
    [anybody(9)],
    { pool: { concurrency_limit: 8 } },
    { begins: 0, blocked_by: null },
  ],
];

test.each(cases)("%s", (_, now, workers, change, expected) => {
  expect(previewChange(now, workers, change)).toMatchObject(expected);
});

test("a pool says what a change would do by its queues, its runs and the workers that are online", async () => {
  const tested = await createTestPool();
  const slow = await tested.do("create_queue", { name: "slow", is_paused: true });
  for (let index = 0; index < 3; index += 1)
    await tested.do("create_run", { draft: draftOf({ work_queue_name: "slow" }), deployment: null });
  const resumed = { queue: { id: slow.id, is_paused: false } };
  const expected = { active: 0, due: 3, room: 0, begins: 0, over: 0, blocked_by: "workers" };
  expect(await tested.do("preview_change", resumed)).toEqual(expected);
  await tested.beat({ name: "elsewhere", limit: 9, work_queue_names: ["default"] });
  expect(await tested.do("preview_change", resumed)).toEqual(expected);
  await tested.beat({ limit: 2, work_queue_names: ["slow"] });
  expect(await tested.do("preview_change", resumed)).toEqual({ ...expected, room: 2, begins: 2 });
  await tested.do("heartbeat", { name: "of-prefect", heartbeat_interval_seconds: null });
  expect(await tested.do("preview_change", resumed)).toEqual({
    ...expected,
    room: null,
    begins: 3,
    blocked_by: null,
  });
  expect(await tested.do("preview_change", { pool: { concurrency_limit: 8 } })).toMatchObject({
    due: 3,
    begins: 0,
    blocked_by: "queue_paused",
  });
  expect(await tested.ask("preview_change", { queue: { id: crypto.randomUUID() } })).toMatchObject({
    ok: false,
    error: { code: "not_found" },
  });
});
