/** The checker, held against histories of which it is known whether they can have happened. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkHistory, type Call } from "./checker.ts";
import { specifyLimit, type AcquireAnswer, type LimitOperation } from "./limit-specification.ts";

const granted = (request: number): AcquireAnswer => ({
  status: "granted",
  lease_id: `lease-${request}`,
  fence: request,
});
const WAITING: AcquireAnswer = { status: "waiting" };

/** One call: `from` and `to` are its times; without `to` no answer came. */
const call = (from: number, to: number | null, operation: LimitOperation): Call<LimitOperation> => ({
  operation,
  startedAt: from,
  answeredAt: to ?? Number.POSITIVE_INFINITY,
});
const acquire = (from: number, to: number | null, request: number, answer: AcquireAnswer | null, slots = 1) =>
  call(from, to, { kind: "acquire", request_id: `r${request}`, slots, answer });
const release = (from: number, to: number | null, request: number) =>
  call(from, to, { kind: "release", lease_id: `lease-${request}`, answer: to === null ? null : "done" });
const renew = (from: number, to: number, request: number, answer: "renewed" | "gone") =>
  call(from, to, { kind: "renew", lease_id: `lease-${request}`, answer });
const withdraw = (from: number, to: number | null, request: number) =>
  call(from, to, { kind: "withdraw", request_id: `r${request}`, answer: to === null ? null : "done" });
const resize = (from: number, to: number | null, limit: number) =>
  call(from, to, { kind: "resize", limit, answer: to === null ? null : "done" });
const read = (from: number, to: number, limit: number, active_slots: number) =>
  call(from, to, { kind: "read", answer: { limit, active_slots } });

const check = (limit: number, history: Call<LimitOperation>[]) =>
  checkHistory(specifyLimit(limit, history), history);

/** A slot that is given back while two wait: the second of them is told to wait on. */
const LEFT_TO_TWO = [
  acquire(0, 1, 1, granted(1)),
  acquire(2, 3, 2, WAITING),
  acquire(4, 5, 3, WAITING),
  release(6, 7, 1),
  acquire(8, 9, 3, WAITING),
];
const HOUR_MS = 3_600_000;

const GOOD: Record<string, [number, Call<LimitOperation>[]]> = {
  "nothing happened": [1, []],
  "one after the other": [1, [acquire(0, 1, 1, granted(1)), release(2, 3, 1), acquire(4, 5, 2, granted(2))]],
  "a grant that overlaps the release that made room": [
    1,
    [acquire(0, 1, 1, granted(1)), release(2, 9, 1), acquire(3, 4, 2, granted(2)), read(5, 6, 1, 1)],
  ],
  "answers in another order than the grants": [
    2,
    [acquire(0, 9, 1, granted(1)), acquire(0, 8, 2, granted(2))],
  ],
  "a release whose answer was lost took effect": [
    1,
    [acquire(0, 1, 1, granted(1)), release(2, null, 1), acquire(10, 11, 2, granted(2))],
  ],
  "a release whose answer was lost did nothing": [
    1,
    [
      acquire(0, 1, 1, granted(1)),
      release(2, null, 1),
      acquire(10, 11, 2, WAITING),
      renew(12, 13, 1, "renewed"),
    ],
  ],
  "a lost grant is heard of when it is asked for again": [
    1,
    [acquire(0, null, 1, null), acquire(2, 3, 2, WAITING), acquire(4, 5, 1, granted(1))],
  ],
  "a lost grant that nobody asks for again fills the limit": [
    1,
    [acquire(0, null, 1, null), acquire(2, 3, 2, WAITING), read(4, 5, 1, 1)],
  ],
  "who comes while one that needs more waits has to wait, too": [
    2,
    [acquire(0, 1, 1, granted(1)), acquire(2, 3, 2, WAITING, 2), acquire(4, 5, 3, WAITING)],
  ],
  "lowered below what is held": [
    2,
    [acquire(0, 1, 1, granted(1), 2), resize(2, 3, 1), read(4, 5, 1, 2), acquire(6, 7, 2, WAITING)],
  ],
  "a request that has ended": [
    1,
    [acquire(0, 1, 1, granted(1)), release(2, 3, 1), acquire(4, 5, 1, { status: "gone" })],
  ],
  "more than there is": [1, [acquire(0, 1, 1, { status: "refused" }, 2)]],
  "the same grant for whoever asks again, also with other slots": [
    3,
    [
      acquire(0, 1, 1, granted(1)),
      acquire(2, 3, 1, granted(1)),
      acquire(4, 5, 1, granted(1), 3),
      read(6, 7, 3, 1),
    ],
  ],
  "other slots than at first, asked for in line": [
    2,
    [
      acquire(0, 1, 1, granted(1), 2),
      acquire(2, 3, 2, WAITING),
      acquire(4, 5, 2, WAITING, 2),
      release(6, 7, 1),
      acquire(8, 9, 2, granted(2), 2),
      read(10, 11, 2, 1),
    ],
  ],
  "who comes later waits for who came before it, and may be expected back": [1, LEFT_TO_TWO],
  "who comes later is granted, for the one before it may be absent": [
    1,
    [...LEFT_TO_TWO, acquire(12, 13, 3, granted(3))],
  ],
  "who waits behind one that was held until there was too little for it": [
    2,
    [
      acquire(0, 1, 1, granted(1)),
      call(2, 9, { kind: "stand", request_id: "r2", slots: 2 }),
      acquire(2, 9, 2, { status: "refused" }, 2),
      acquire(3, 4, 3, WAITING),
      resize(5, 8, 1),
    ],
  ],
};

const BAD: Record<string, [number, Call<LimitOperation>[]]> = {
  "more holders than slots": [1, [acquire(0, 1, 1, granted(1)), acquire(2, 3, 2, granted(2))]],
  "more holders than slots, at the same time": [
    1,
    [acquire(0, 9, 1, granted(1)), acquire(1, 8, 2, granted(2)), read(10, 11, 1, 1)],
  ],
  "a wider holder than there is room for": [
    2,
    [acquire(0, 1, 1, granted(1)), acquire(2, 3, 2, granted(2), 2)],
  ],
  "a release that was answered and did nothing": [
    1,
    [acquire(0, 1, 1, granted(1)), release(2, 3, 1), acquire(4, 5, 2, WAITING)],
  ],
  "a free slot that nobody gets": [1, [acquire(0, 1, 1, WAITING)]],
  "a second lease for one request": [
    2,
    [acquire(0, 1, 1, granted(1)), acquire(2, 3, 1, { status: "granted", lease_id: "other", fence: 2 })],
  ],
  "a fence that falls": [2, [acquire(0, 1, 2, granted(2)), acquire(2, 3, 1, granted(1))]],
  "a grant for a request that has ended": [1, [withdraw(0, 1, 1), acquire(2, 3, 1, granted(1))]],
  "renewed after its release": [
    1,
    [acquire(0, 1, 1, granted(1)), release(2, 3, 1), renew(4, 5, 1, "renewed")],
  ],
  "gone while it was held": [1, [acquire(0, 1, 1, granted(1)), renew(2, 3, 1, "gone")]],
  "a look at the past": [1, [acquire(0, 1, 1, granted(1)), read(2, 3, 1, 0)]],
  "a resize that was answered and is not seen": [1, [resize(0, 1, 2), read(2, 3, 1, 0)]],
  "room that only a later raise makes": [
    1,
    [acquire(0, 1, 1, granted(1)), acquire(2, 3, 2, granted(2)), resize(4, 5, 2)],
  ],
  "one lease for two requests": [
    2,
    [acquire(0, 1, 1, granted(1)), acquire(2, 3, 2, { status: "granted", lease_id: "lease-1", fence: 2 })],
  ],
  "one lease for two requests, one after the other": [
    1,
    [
      acquire(0, 1, 1, granted(1)),
      release(2, 3, 1),
      acquire(4, 5, 2, { status: "granted", lease_id: "lease-1", fence: 2 }),
    ],
  ],
  "one lease for a request whose first answer was lost, and for another": [
    2,
    [
      acquire(0, null, 1, null),
      acquire(2, 3, 2, granted(2)),
      acquire(4, 5, 1, { status: "granted", lease_id: "lease-2", fence: 1 }),
    ],
  ],
  "another fence when it is asked for again": [
    2,
    [acquire(0, 1, 1, granted(1)), acquire(2, 3, 1, { status: "granted", lease_id: "lease-1", fence: 2 })],
  ],
  "another lease with the same fence when it is asked for again": [
    2,
    [acquire(0, 1, 1, granted(1)), acquire(2, 3, 1, { status: "granted", lease_id: "other", fence: 1 })],
  ],
  "told to wait when it is asked for again": [2, [acquire(0, 1, 1, granted(1)), acquire(2, 3, 1, WAITING)]],
  "other slots than at first are held": [
    3,
    [acquire(0, 1, 1, granted(1)), acquire(2, 3, 1, granted(1), 2), read(4, 5, 3, 2)],
  ],
  "other slots make a new grant": [
    3,
    [
      acquire(0, 1, 1, granted(1)),
      acquire(2, 3, 1, { status: "granted", lease_id: "lease-2", fence: 2 }, 2),
      read(4, 5, 3, 3),
    ],
  ],
  "other slots than were waited for are held": [
    2,
    [
      acquire(0, 1, 1, granted(1), 2),
      acquire(2, 3, 2, WAITING),
      release(4, 5, 1),
      acquire(6, 7, 2, granted(2), 2),
      read(8, 9, 2, 2),
    ],
  ],
  "two that wait beside a free slot": [1, [...LEFT_TO_TWO, acquire(10, 11, 2, WAITING)]],
  "two that wait for ever beside a free slot": [
    1,
    [
      acquire(0, 1, 1, granted(1)),
      acquire(2, 3, 2, WAITING),
      acquire(2, 3, 3, WAITING),
      release(6, 7, 1),
      ...Array.from({ length: 10 }, (_, turn) => [
        acquire(10 + turn * 10, 18 + turn * 10, 2, WAITING),
        acquire(11 + turn * 10, 19 + turn * 10, 3, WAITING),
      ]).flat(),
    ],
  ],
  "waiting behind one that has not come for an hour": [
    1,
    [...LEFT_TO_TWO, acquire(HOUR_MS, HOUR_MS + 1, 3, WAITING)],
  ],
  "waiting behind one for whom there is room besides": [
    2,
    [
      acquire(0, 1, 1, granted(1), 2),
      acquire(2, 3, 2, WAITING),
      acquire(4, 5, 3, WAITING),
      release(6, 7, 1),
      acquire(8, 9, 3, WAITING),
    ],
  ],
  "waiting behind one that the limit is too small for": [
    2,
    [
      acquire(0, 1, 1, granted(1)),
      acquire(2, 3, 2, WAITING, 2),
      resize(4, 5, 1),
      release(6, 7, 1),
      acquire(8, 9, 3, WAITING),
    ],
  ],
  "refused though there is enough": [2, [acquire(0, 1, 1, { status: "refused" }, 2)]],
};

test.each(Object.entries(GOOD))("it can have happened: %s", (_, [limit, history]) => {
  expect(check(limit, history)).toMatchObject({ isLinearizable: true });
});

test.each(Object.entries(BAD))("it cannot have happened: %s", (_, [limit, history]) => {
  expect(check(limit, history)).toMatchObject({ isLinearizable: false });
});

test("a verdict says how far it went and what would have to come next", () => {
  const verdict = check(1, [acquire(0, 1, 1, granted(1)), acquire(2, 3, 2, granted(2))]);
  expect(verdict).toMatchObject({
    isLinearizable: false,
    order: [{ request_id: "r1" }],
    stuckBefore: [{ request_id: "r2" }],
  });
});

/** A limit that answers in one moment of each call, and callers whose calls overlap as the numbers say. */
function playHistory(limit: number, slotted: number, spans: readonly [number, number, boolean][]) {
  const history: Call<LimitOperation>[] = [];
  const held: number[] = [];
  spans.forEach(([before, after, isLost], moment) => {
    const [from, to] = [moment * 10 - before, isLost ? null : moment * 10 + after];
    const oldest = held[0];
    if (oldest !== undefined && (moment % slotted === 0 || held.length === limit)) {
      held.shift();
      history.push(release(from, to, oldest));
    } else {
      held.push(moment + 1);
      history.push(acquire(from, to, moment + 1, isLost ? null : granted(moment + 1)));
    }
  });
  return history;
}

const spans = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 60 }), fc.boolean()),
  { maxLength: 30 },
);

test("whatever a limit that is right does, it can have happened", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 2, max: 5 }),
      spans,
      (limit, every, calls) => {
        const history = playHistory(limit, every, calls);
        expect(check(limit, history).isLinearizable).toBe(true);
      },
    ),
  );
});

test("a limit that gives one slot too many is found out, however the calls overlap", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), spans, (limit, calls) => {
      const history = playHistory(
        limit,
        3,
        calls.map(([before, after]) => [before, after, false]),
      );
      // All who hold at the end look at once: nothing that came before explains one more.
      const end = calls.length * 10 + 100;
      for (let extra = 0; extra <= limit; extra += 1)
        history.push(acquire(end + extra, end + 50, 1000 + extra, granted(1000 + extra)));
      expect(check(limit, history).isLinearizable).toBe(false);
    }),
  );
});
