import fc from "fast-check";
import { expect, test } from "vitest";
import { granted, LimitWorld, START } from "../../support/limit-world.ts";
import { decayedLevel, decayedSlots, fitsAt } from "../../../src/domain/limit/decay.ts";
import type { LimitConfig } from "../../../src/domain/limit/types.ts";

const base: LimitConfig = {
  id: "",
  name: "rate",
  limit: 10,
  active: true,
  slot_decay_per_second: 1,
  denied_slots: 0,
  avg_slot_occupancy_seconds: 2,
  slot_names: null,
  bypass_max: 0,
  level: 0,
  level_at: 0,
  incarnation: 1,
  created: "",
  updated: "",
  deleted_at: null,
};
const decaying = fc
  .record({
    limit: fc.integer({ min: 1, max: 100 }),
    slot_decay_per_second: fc.double({ min: 0.001, max: 100, noNaN: true }),
    level: fc.double({ min: 0, max: 100, noNaN: true }),
  })
  .map((more): LimitConfig => ({ ...base, ...more, level: Math.min(more.level, more.limit) }));

test("slots fit at the instant that was foretold, and not a moment before", () => {
  const sizes = fc.integer({ min: 0, max: 100 });
  fc.assert(
    fc.property(decaying, sizes, sizes, fc.nat(10_000), (config, wanted, leased, now) => {
      const slots = Math.min(Math.max(1, wanted), config.limit);
      const held = Math.min(leased, config.limit - slots);
      const at = fitsAt(config, slots, now, held);
      expect(decayedSlots(config, at) + held + slots).toBeLessThanOrEqual(config.limit);
      if (at > now + 1) expect(decayedLevel(config, at - 2) + held + slots).toBeGreaterThan(config.limit);
    }),
  );
});

test("whatever the rhythm, a decaying limit lets through no more than its size and what has decayed", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom(0.1, 0.5, 2),
      fc.array(fc.constantFrom(0, 10, 100, 333, 1000, 5000), { minLength: 5, maxLength: 40 }),
      async (limit, slot_decay_per_second, pauses) => {
        const world = new LimitWorld("rate");
        await world.must("create", { name: "rate", limit, slot_decay_per_second });
        let let_through = 0;
        for (const pause of pauses) {
          await world.pass(pause);
          const answer = await world.acquire({ mode: "rate_limit", caller: { type: "anonymous" } });
          if (answer.ok) {
            granted(answer);
            let_through += 1;
          } else expect(answer.error.code).toBe("locked");
          const decayed = (slot_decay_per_second * (world.clock.now - START)) / 1000;
          expect(let_through).toBeLessThanOrEqual(limit + decayed + 1e-6);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("what has decayed stays gone when the rate is changed", async () => {
  const world = new LimitWorld("rate");
  await world.must("create", { name: "rate", limit: 4, slot_decay_per_second: 1 });
  for (let uses = 0; uses < 4; uses += 1) granted(await world.acquire({ mode: "rate_limit" }));
  await world.pass(3000);
  await world.must("update", { slot_decay_per_second: 0.001 });
  expect(await world.must("read", {})).toMatchObject({ active_slots: 1 });
});
