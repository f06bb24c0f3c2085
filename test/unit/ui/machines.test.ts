/** Which cells the first page shows of a limit. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { listCells, type Cell } from "../../../src/ui/data/machines.ts";
import { LimitWorld } from "../../support/limit-world.ts";

const look = async (limit: LimitWorld) => {
  const overview = await limit.must("read_overview", { holders: 64, waiters: 0 });
  return { overview, cells: listCells(overview) };
};
const isFree = ({ lease, isKept }: Cell) => lease === undefined && !isKept;
const words = async (limit: LimitWorld) =>
  (await look(limit)).cells.map(({ lease, name, isOver, isKept }) => {
    const what = lease === undefined ? (isKept ? "kept" : "free") : isOver ? "over" : "held";
    return name === undefined ? what : `${name} ${what}`;
  });

test("a slot whose name is gone is shown for as long as it is held, and none is free that nobody gets", async () => {
  const limit = new LimitWorld();
  await limit.must("create", { name: limit.name, limit: 2, slot_names: ["a", "b"] });
  for (const request_id of ["one", "two"]) await limit.acquire({ request_id });
  await limit.must("update", { slot_names: ["c", "a"] });
  expect(await words(limit)).toEqual(["c kept", "a held", "b over"]);
  await limit.must("update", { slot_names: ["c", "a", "d"], limit: 3 });
  expect(await words(limit)).toEqual(["c free", "a held", "d kept", "b over"]);
});

test("who held a slot before it had a name is shown, too", async () => {
  const limit = new LimitWorld();
  await limit.must("create", { name: limit.name, limit: 2 });
  await limit.acquire();
  await limit.must("update", { slot_names: ["x", "y"] });
  expect(await words(limit)).toEqual(["x free", "y kept", "over"]);
});

test("a limit that was made smaller shows all that is held", async () => {
  const limit = new LimitWorld();
  await limit.must("create", { name: limit.name, limit: 3 });
  for (const slots of [1, 2]) await limit.acquire({ slots });
  await limit.must("update", { limit: 1 });
  expect(await words(limit)).toEqual(["held", "over", "over"]);
});

test("whatever becomes of the names, all that is held is shown, and the free ones are those that are given out next", async () => {
  const names = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e"), { minLength: 1 });
  const change = fc.record({ slot_names: fc.option(names), limit: fc.nat(5) }).map((update) => ({
    update: { ...update, limit: Math.min(update.limit, update.slot_names?.length ?? 5) },
  }));
  const step = fc.oneof(change, fc.record({ acquire: fc.integer({ min: 1, max: 3 }) }));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const limit = new LimitWorld();
      await limit.must("create", { name: limit.name, limit: 3, slot_names: ["a", "b", "c"] });
      for (const each of steps) {
        const { limit: size, active_slots } = await limit.must("read", {});
        if ("update" in each) await limit.must("update", each.update);
        // Nobody waits, who would have the next slot.
        else if (each.acquire <= size - active_slots) await limit.acquire({ slots: each.acquire });
        const { overview, cells } = await look(limit);
        expect(cells.filter(({ lease }) => lease !== undefined)).toHaveLength(overview.active_slots);
        expect(cells.filter(isFree)).toHaveLength(Math.max(0, overview.limit - overview.active_slots));
      }
      for (const { name } of (await look(limit)).cells.filter(isFree)) {
        const grant = await limit.acquire();
        expect(grant).toMatchObject({
          value: { limits: [{ slot_names: name === undefined ? null : [name] }] },
        });
      }
    }),
    { numRuns: 100 },
  );
});
