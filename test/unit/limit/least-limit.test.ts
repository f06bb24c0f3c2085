/** The least size of a limit that would serve a run in its line: less does not, and so much does. */
import { expect, test } from "vitest";
import { leastFree } from "../../../src/domain/limit/line.ts";
import type { Waiter } from "../../../src/domain/limit/types.ts";
import { granted, LimitWorld, type Asking } from "../../support/limit-world.ts";

const LIMIT = 2;
const runOf = (index: number) => ({
  flow_run_id: `00000000-0000-4000-8000-00000000000${index}`,
  attempt_id: `00000000-0000-4000-8000-00000000010${index}`,
  fence: 1,
});

/** A limit of two that holders have so much of, and runs in its line that ask for so many slots each. */
async function fill(held: number[], line: number[], bypass_max = 0): Promise<LimitWorld> {
  const world = new LimitWorld();
  await world.must("create", { name: world.name, limit: Math.max(LIMIT, ...line), bypass_max });
  const asking = (slots: number): Asking => ({ slots, caller: { type: "run", pool_key: "0123456789" } });
  const all = Math.max(...line, LIMIT);
  const placeholder = granted(await world.acquire({ slots: all }));
  for (const [index, slots] of line.entries())
    await world.acquire({ ...asking(slots), run: runOf(index), request_id: `run ${index}` });
  // Holders come where nobody can pass the line: the limit is small by then.
  const sum = held.reduce((all_held, slots) => all_held + slots, 0);
  await world.must("update", { limit: Math.min(LIMIT, sum) });
  await world.must("update", { active_slots: all + sum });
  await world.must("release", { lease_id: placeholder.lease_id });
  return world;
}

const leastOf = async (world: LimitWorld, index: number) =>
  (await world.must("find_waiter", { flow_run_id: runOf(index).flow_run_id }))?.least_limit;
const isServedWith = async (world: LimitWorld, index: number, limit: number) => {
  await world.must("update", { limit });
  return (await leastOf(world, index)) === undefined;
};

test.each([
  { what: "one behind the other", held: [1, 1], line: [1, 1, 1], least: [3, 4, 5] },
  { what: "who wants two beside one that is free", held: [1], line: [2], least: [3] },
  { what: "over the limit", held: [5], line: [1, 2], least: [6, 8] },
  { what: "nobody may be passed", held: [2], line: [4, 1], least: [6, 7] },
  { what: "one may be passed", held: [2], line: [4, 1, 1], bypass: 1, least: [6, 3, 8] },
  { what: "two may be passed", held: [2], line: [4, 1, 1], bypass: 2, least: [6, 3, 4] },
  { what: "some fit between", held: [2], line: [3, 1, 2], bypass: 9, least: [5, 3, 8] },
])("$what", async ({ held, line, bypass = 0, least }) => {
  for (const [index, expected] of least.entries()) {
    const world = await fill(held, line, bypass);
    expect(await leastOf(world, index)).toBe(expected);
    // Each size by itself: to grow step by step would let others go meanwhile.
    for (let limit = 1; limit <= expected; limit += 1) {
      const other = await fill(held, line, bypass);
      expect([limit, await isServedWith(other, index, limit)]).toEqual([limit, limit === expected]);
    }
  }
});

test("a long line in which anybody may be passed is looked through in bounded time", () => {
  const line = Array.from({ length: 256 }, (_, index) => ({ slots: 3 ** (index % 40), passed: 0 }) as Waiter);
  const all = line.reduce((sum, { slots }) => sum + slots, 0);
  expect(leastFree(line, 1000)).toBeLessThanOrEqual(all);
});
