import { expect, test } from "vitest";
import { decideAdoption, type SessionAttempt } from "../../../src/domain/pool/adopt.ts";

const SESSION = { id: "new", named: new Set(["a"]), missing_until: 60, older_until: 30 };
const held = (more: Partial<SessionAttempt> = {}): SessionAttempt => ({
  attempt_id: "a",
  session_id: "new",
  is_started: true,
  deadline_at: null,
  ...more,
});

test.each<[string, Partial<SessionAttempt>, Partial<typeof SESSION> | { named: null }, unknown]>([
  ["what is named and known stays", {}, {}, undefined],
  [
    "what is named has begun, whatever was reported",
    { is_started: false, deadline_at: 5 },
    {},
    held({ deadline_at: null }),
  ],
  ["what an older session left is adopted when it is named", { session_id: "old" }, {}, held()],
  [
    "what an older session left and is not named has that session's time",
    { attempt_id: "b", session_id: "old" },
    {},
    held({ attempt_id: "b", session_id: "old", deadline_at: 30 }),
  ],
  [
    "what is not named any more has one session's time",
    { attempt_id: "b" },
    {},
    held({ attempt_id: "b", deadline_at: 60 }),
  ],
  ["a deadline that runs is not moved", { attempt_id: "b", deadline_at: 5 }, {}, undefined],
  ["what was not started keeps its own deadline", { attempt_id: "b", is_started: false }, {}, undefined],
  [
    "an agent that names nothing at all leaves its attempts be",
    { attempt_id: "b" },
    { named: null },
    undefined,
  ],
])("%s", (_, attempt, session, expected) => {
  expect(decideAdoption(held(attempt), { ...SESSION, ...session })).toEqual(expected);
});
