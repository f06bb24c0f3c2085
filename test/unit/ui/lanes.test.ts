/** Which lane of a timeline shows which lease. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { formatInstant } from "../../../src/contract/instants.ts";
import type { HeldSlots } from "../../../src/contract/wire/limits.ts";
import { layOut, measureUsage } from "../../../src/ui/data/lanes.ts";

const START = 1_800_000_000_000;
let fence = 0;

/** Seconds after the start; without an end it is still held. */
function held(from: number, to: number | null, more: Partial<HeldSlots> = {}): HeldSlots {
  fence += 1;
  return {
    lease_id: `lease ${fence}`,
    fence,
    slots: 1,
    slot_names: null,
    holder: null,
    flow_run_id: null,
    note: null,
    waited_seconds: 0,
    estimated_seconds: null,
    acquired_at: formatInstant(START + from * 1000),
    ended_at: to === null ? null : formatInstant(START + to * 1000),
    ended_by: to === null ? null : "holder",
    is_reservation: false,
    ...more,
  };
}
const lanesOf = (leases: HeldSlots[], limit: number, slot_names: string[] | null = null) => {
  const { names, bars } = layOut(leases, { limit, slot_names });
  return { names, spans: bars.map(({ spans }) => spans.map(({ lane, count }) => [lane, count])) };
};

test("leases that follow each other share the lowest lane that is free, and a slot that nobody held has one too", () => {
  expect(lanesOf([held(0, 10), held(5, 20), held(10, 15), held(15, null)], 3)).toEqual({
    names: [null, null, null],
    spans: [[[0, 1]], [[1, 1]], [[0, 1]], [[0, 1]]],
  });
});

test("a lease of several slots is drawn in one piece where its lanes are beside each other", () => {
  const leases = [held(0, 10), held(0, 30), held(20, 40, { slots: 3 }), held(50, 60, { slots: 2 })];
  expect(lanesOf(leases, 4).spans).toEqual([
    [[0, 1]],
    [[1, 1]],
    [
      [0, 1],
      [2, 2],
    ],
    [[0, 2]],
  ]);
});

test("named slots have their own lanes, also one that is no longer there, and who has no name comes below", () => {
  const leases = [held(0, 10, { slot_names: ["b"] }), held(1, 9, { slot_names: ["old"] }), held(2, 3)];
  expect(lanesOf(leases, 2, ["a", "b"])).toEqual({
    names: ["a", "b", "old", null],
    spans: [[[1, 1]], [[2, 1]], [[3, 1]]],
  });
});

test("a limit that was made smaller shows all that was held", () => {
  expect(lanesOf([held(0, null), held(0, null), held(0, 5)], 1).names).toHaveLength(3);
});

test("a limit of a million slots does not make a million lanes", () => {
  const { names, bars } = layOut([held(0, null, { slots: 600_000 }), held(1, null, { slots: 400_000 })], {
    limit: 1_000_000,
    slot_names: null,
  });
  expect(names).toHaveLength(1000);
  expect(bars.map(({ spans }) => spans)).toEqual([[{ lane: 0, count: 1000 }], []]);
});

test("no two bars of a lane overlap, and no more lanes are made than slots were held at once", () => {
  const lease = fc.record({ from: fc.nat(100), length: fc.nat(50), slots: fc.integer({ min: 1, max: 4 }) });
  fc.assert(
    fc.property(fc.array(lease, { maxLength: 40 }), (drafts) => {
      const leases = drafts.map(({ from, length, slots }) => held(from, from + length, { slots }));
      const { names, bars } = layOut(leases, { limit: 0, slot_names: null });
      const taken = bars.flatMap(({ spans, from, to }) =>
        spans.flatMap(({ lane, count }) =>
          Array.from({ length: count }, (_, index) => ({ lane: lane + index, from, to })),
        ),
      );
      expect(taken).toHaveLength(drafts.reduce((sum, { slots }) => sum + slots, 0));
      for (const one of taken)
        for (const other of taken)
          if (one !== other && one.lane === other.lane)
            expect(one.to <= other.from || other.to <= one.from).toBe(true);
      const atOnce = drafts.map(({ from }) =>
        drafts
          .filter((other) => other.from <= from && from < Math.max(other.from + other.length, other.from + 1))
          .reduce((sum, { slots }) => sum + slots, 0),
      );
      expect(names.length).toBeLessThanOrEqual(Math.max(0, ...atOnce));
    }),
  );
});

test("how much was in use counts slots and only the time that is known", () => {
  const leases = [held(0, 100), held(50, 75, { slots: 2 }), held(90, null), held(0, 10)];
  const history = { now: formatInstant(START + 100_000), known_since: formatInstant(START + 50_000), leases };
  expect(measureUsage(history, 4, 900, Date.parse(history.now))).toEqual({
    known_seconds: 50,
    leases: 3,
    share: (50 + 2 * 25 + 10) / (4 * 50),
  });
  expect(measureUsage(history, 4, 10, Date.parse(history.now))).toMatchObject({
    known_seconds: 10,
    leases: 2,
    share: 20 / 40,
  });
  expect(measureUsage(history, 0, 900, Date.parse(history.now)).share).toBeNull();
});
