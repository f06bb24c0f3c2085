import { expect, test } from "vitest";
import { verbOfProposal, verbOfUpdate } from "../../../src/domain/audit/acts.ts";
import { clip, describeChanges } from "../../../src/domain/audit/changes.ts";

test.each([
  // A person's.
  ["RUNNING", "CANCELLING", false, "cancel"],
  ["SCHEDULED", "CANCELLING", false, "cancel"],
  ["SCHEDULED", "CANCELLED", false, "cancel"],
  ["PAUSED", "CANCELLED", false, "cancel"],
  ["FAILED", "SCHEDULED", false, "retry"],
  ["COMPLETED", "SCHEDULED", true, "retry"],
  ["SCHEDULED", "SCHEDULED", false, "reschedule"],
  ["RUNNING", "FAILED", true, "set_state"],
  ["FAILED", "COMPLETED", true, "set_state"],
  // A program's.
  ["CANCELLING", "CANCELLED", true, undefined],
  ["RUNNING", "CANCELLED", true, undefined],
  ["SCHEDULED", "CANCELLED", true, undefined],
  ["RUNNING", "CRASHED", true, undefined],
  ["RUNNING", "SCHEDULED", false, undefined],
  ["SCHEDULED", "PENDING", false, undefined],
  ["PENDING", "RUNNING", false, undefined],
  ["RUNNING", "PAUSED", false, undefined],
  ["RUNNING", "COMPLETED", false, undefined],
  ["RUNNING", "FAILED", false, undefined],
] as const)("from %s to %s (forced: %s) is a person's %s", (before, proposed, is_forced, verb) => {
  expect(verbOfProposal(before, proposed, is_forced)).toBe(verb);
});

test("an update that switches one thing has a word of its own", () => {
  const switches = { is_paused: ["pause", "resume"] } as const;
  expect(verbOfUpdate({ is_paused: { from: false, to: true } }, switches)).toBe("pause");
  expect(verbOfUpdate({ is_paused: { from: true, to: false } }, switches)).toBe("resume");
  expect(verbOfUpdate({ is_paused: { to: true }, limit: { to: 1 } }, switches)).toBe("update");
  expect(verbOfUpdate({ limit: { to: 1 } }, switches)).toBe("update");
});

test("changes name what differs, and stay small", () => {
  const before = { a: 1, b: null as string | null, c: ["x"], secret: "one" };
  const after = { a: 1, b: "text", c: ["x", "y"], secret: "two" };
  expect(describeChanges(before, after, ["a", "b", "c"], ["secret"])).toEqual({
    b: { from: null, to: "text" },
    c: { from: ["x"], to: ["x", "y"] },
    secret: {},
  });
  expect(describeChanges(null, after, ["a", "b"], ["secret"])).toEqual({ a: { to: 1 }, b: { to: "text" } });
  expect(describeChanges(before, null, ["a", "b"])).toEqual({ a: { from: 1 } });
  expect(clip("x".repeat(299) + "😀")).toBe("x".repeat(299) + "…");
  expect(clip(Array.from({ length: 1000 }, (_, index) => `slot-${index}`))).toHaveLength(301);
});
