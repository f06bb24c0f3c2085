import fc from "fast-check";
import { expect, test } from "vitest";
import { listAdmitted } from "../../../src/ui/data/preview.ts";
import { LimitWorld } from "../../support/limit-world.ts";

const waiter = (slots: number, { passed = 0, is_present = true } = {}) => ({ slots, passed, is_present });

test.each([
  ["in order", 2, 0, [waiter(1), waiter(1), waiter(1)], [0, 1]],
  ["nobody passes who is too large", 1, 0, [waiter(2), waiter(1)], []],
  ["one passes where the limit lets them", 1, 5, [waiter(2), waiter(1)], [1]],
  ["no more than still may", 3, 5, [waiter(4, { passed: 3 }), waiter(1), waiter(1), waiter(1)], [1, 2]],
  ["the one who was passed most often counts", 3, 2, [waiter(4), waiter(5, { passed: 2 }), waiter(1)], []],
  ["who is not there is passed over", 1, 0, [waiter(2, { is_present: false }), waiter(1)], [1]],
])("whom free slots go to: %s", (_, free, bypass_max, line, expected) => {
  expect(listAdmitted(free, line, { bypass_max }).map((one) => line.indexOf(one))).toEqual(expected);
});

test("whom another size lets in is who the limit then lets in", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(
      fc.nat(3),
      sizes,
      fc.array(fc.nat(4), { maxLength: 3 }),
      async (bypass_max, line, grow) => {
        const limit = new LimitWorld();
        await limit.must("create", { name: limit.name, limit: 4, bypass_max });
        await limit.acquire({ request_id: "holder", slots: 4 });
        for (const slots of line)
          await limit.acquire({ slots, caller: { type: "run", pool_key: "0123456789" } });
        let size = 4;
        for (const more of grow) {
          size += more;
          const before = await limit.must("list_waiters", { offset: 0, limit: 9 });
          const { active_slots } = await limit.must("read", {});
          const admitted = listAdmitted(size - active_slots, before, { bypass_max });
          await limit.must("update", { limit: size });
          const after = await limit.must("list_waiters", { offset: 0, limit: 9 });
          const left = new Set(after.map(({ waiter_id }) => waiter_id));
          expect(before.filter(({ waiter_id }) => !left.has(waiter_id))).toEqual(admitted);
        }
      },
    ),
    { numRuns: 50 },
  );
});
