/** What a limit says that a change would do is what the change then does. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { WAITERS_PREVIEWED_MAX } from "../../../src/contract/bounds.ts";
import type { PreviewedLimit } from "../../../src/contract/wire/limits.ts";
import { keyOfRequest } from "../../../src/domain/limit/naming.ts";
import { granted, LimitWorld, peek, START } from "../../support/limit-world.ts";

const NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"];
const MORE_NAMES = [...NAMES, "i", "j"];
/** So long after its last word a caller that held no request is not there any more. */
const SILENCE_MS = 40_000;
const ALL = { offset: 0, limit: 10_000 };
const run = { type: "run", pool_key: "0123456789" } as const;

interface Plan {
  kind: "request" | "poll" | "socket" | "run" | "ended" | "silent" | "closed";
  slots: number;
  priority: number;
}
/** Who waits still asks, by its request id. */
type Callers = Map<string, Plan>;

const runOf = (index: number) => ({
  flow_run_id: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
  attempt_id: `00000000-0000-4000-8001-${String(index).padStart(12, "0")}`,
  fence: 1,
});
const isGone = ({ kind }: Plan) => kind === "silent" || kind === "closed" || kind === "ended";

/** It asks, or asks again; a request is held where its caller can wait. */
async function ask(world: LimitWorld, request_id: string, { kind, slots, priority }: Plan, index: number) {
  const asking = { request_id, slots, priority };
  if (kind === "socket" || kind === "closed") return world.open(request_id, asking);
  if (kind === "run") return world.acquire({ ...asking, caller: run });
  return peek(
    world.acquire({
      ...asking,
      wait_seconds: kind === "request" ? 25 : 0,
      ...(kind === "ended" && { run: runOf(index) }),
    }),
  );
}

/** Everybody who is there comes at once for what is offered to it, the first ones first, until nothing moves. */
async function letCome(world: LimitWorld, callers: Callers): Promise<void> {
  for (let idle = 0; idle < 5; idle += 1) {
    await world.quiet();
    for (const { waiter_id, reason } of await world.must("list_waiters", ALL)) {
      const [request_id, plan] = [...callers].find(([id]) => keyOfRequest(id) === waiter_id) ?? [];
      if (reason !== "offered" || request_id === undefined || plan === undefined || isGone(plan)) continue;
      await ask(world, request_id, plan, 0);
      idle = 0;
      break;
    }
    if (idle > 0) await world.pass(1);
  }
}

/** A limit with these holders, and this line behind them. */
async function queueUp(settings: object, held: number[], line: Plan[]) {
  const world = new LimitWorld();
  await world.must("create", { name: world.name, limit: 4, ...settings });
  const leases = [];
  for (const slots of held) {
    const answer = await world.acquire({ slots, caller: { type: "anonymous" }, lease_seconds: 3600 });
    if (answer.ok) leases.push(granted(answer).lease_id);
  }
  const callers: Callers = new Map(line.map((plan, index) => [`caller-${index}`, plan]));
  const askAgain = async (who: (plan: Plan) => boolean): Promise<void> => {
    const stored = new Set((await world.must("list_waiters", ALL)).map(({ waiter_id }) => waiter_id));
    for (const [index, [request_id, plan]] of [...callers].entries())
      if (who(plan) && (stored.size === 0 || stored.has(keyOfRequest(request_id))))
        await ask(world, request_id, plan, index);
  };
  for (const [index, [request_id, plan]] of [...callers].entries()) await ask(world, request_id, plan, index);
  for (const [request_id, { kind }] of callers) if (kind === "closed") await world.close(request_id);
  await world.pass(SILENCE_MS);
  await askAgain(({ kind }) => kind === "request" || kind === "poll" || kind === "ended");
  for (const [index, { kind }] of [...callers.values()].entries())
    if (kind === "ended") {
      const { flow_run_id, attempt_id } = runOf(index);
      await world.must("end_attempt", { flow_run_id, attempt_id });
    }
  await letCome(world, callers);
  return { world, callers, leases };
}

const writesOf = ({ database }: LimitWorld) => database.prepare("SELECT total_changes() AS n").get()?.["n"];
const idsOf = (waiters: readonly { waiter_id: string }[]) => waiters.map(({ waiter_id }) => waiter_id);

/** What was said, and what then happened. */
async function compare(
  { world, callers }: Awaited<ReturnType<typeof queueUp>>,
  { force_release, ...change }: PreviewedLimit,
) {
  const before = idsOf(await world.must("list_waiters", ALL));
  const written = writesOf(world);
  const sent = world.sent.length;
  const said = await world.do("preview_change", {
    ...change,
    ...(force_release !== undefined && { force_release }),
  });
  expect([writesOf(world), world.sent.length]).toEqual([written, sent]);
  const done =
    force_release === undefined
      ? await world.do("update", change)
      : await world.do("force_release", { lease_id: force_release });
  expect(said.ok).toBe(done.ok);
  if (!said.ok) return;
  const { active, limit, active_slots } = await world.must("read", {});
  const after = new Set(idsOf(await world.must("list_waiters", ALL)));
  const refused = said.value.refused.map(({ waiter_id }) => waiter_id);
  expect(refused.filter((id) => after.has(id))).toEqual([]);
  expect(said.value.over).toBe(active && said.value.admits === 0 ? Math.max(0, active_slots - limit) : 0);
  await letCome(world, callers);
  const left = new Set(idsOf(await world.must("list_waiters", ALL)));
  const gone = new Set(
    [...callers].flatMap(([request_id, plan]) => (isGone(plan) ? keyOfRequest(request_id) : [])),
  );
  const admitted = before.filter((id) => !left.has(id) && !refused.includes(id) && !gone.has(id));
  expect(said.value).toMatchObject({
    admits: admitted.length,
    has_more: false,
    refuses: refused.length,
    admits_with_others: 0,
  });
  expect(idsOf(said.value.admitted)).toEqual(admitted);
}

const plan = fc.record<Plan>({
  kind: fc.constantFrom("request", "request", "poll", "socket", "run", "ended", "silent", "closed"),
  slots: fc.constantFrom(1, 1, 2, 4),
  priority: fc.constantFrom(0, 0, 0, -1),
});
const change = fc.oneof(
  fc.record({ limit: fc.nat(10) }),
  fc.record({ bypass_max: fc.nat(3) }),
  fc.record({ limit: fc.nat(10), bypass_max: fc.nat(3) }),
  fc.record({ limit: fc.nat(10), slot_names: fc.constant(MORE_NAMES) }),
  fc.record({ limit: fc.nat(10), slot_decay_per_second: fc.constantFrom(0, 0.0001) }),
  fc.record({ release: fc.nat(3) }),
);

test("of any line it is said who is admitted and who is refused, and nothing is written", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        bypass_max: fc.constantFrom(0, 0, 1, 3),
        slot_names: fc.constantFrom(null, null, NAMES),
        slot_decay_per_second: fc.constantFrom(0, 0, 0, 0.0001),
      }),
      fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 }),
      fc.array(plan, { maxLength: 10 }),
      change,
      async (settings, held, line, made) => {
        fc.pre(settings.slot_names === null || settings.slot_decay_per_second === 0);
        const queue = await queueUp(settings, held, line);
        if (!("release" in made)) await compare(queue, made);
        else if (settings.slot_decay_per_second === 0 && queue.leases.length > 0)
          await compare(queue, { force_release: queue.leases[made.release % queue.leases.length] ?? "" });
      },
    ),
    { numRuns: Number(process.env["PLAYS"] ?? 400) },
  );
}, 120_000);

const one = (kind: Plan["kind"], slots = 1): Plan => ({ kind, slots, priority: 0 });
const line = (count: number, kind: Plan["kind"]) => Array.from({ length: count }, () => one(kind));

test.each([
  [
    "a run that asks for more than there will be stays, and nobody passes it",
    0,
    [1],
    [one("run", 4), one("poll")],
    3,
  ],
  ["no more pass one that is too large than may", 1, [4], [one("poll", 4), one("poll"), one("poll")], 6],
  ["who has ended is passed over", 0, [4], [one("ended", 4), one("poll")], 6],
])("%s", async (_, bypass_max, held, line, limit) => {
  await compare(await queueUp({ bypass_max }, held, line), { limit });
});

test("whoever is there behind hundreds that have gone silent is admitted, as is said", async () => {
  const queue = await queueUp({}, [4], [...line(260, "silent"), ...line(5, "request")]);
  expect(await queue.world.must("preview_change", { limit: 50 })).toMatchObject({ admits: 5 });
  await compare(queue, { limit: 50 });
});

test("by a limit that is disabled everybody is let through, and nobody refused", async () => {
  const { world } = await queueUp({}, [4], [...line(3, "silent"), ...line(5, "request")]);
  expect(await world.must("preview_change", { active: false, limit: 0 })).toMatchObject({
    admits: 5,
    refuses: 0,
    over: 0,
  });
});

test("a lease that is gone by now changes nothing, and names that are too few are refused as they would be", async () => {
  const { world, leases } = await queueUp({}, [4], line(2, "request"));
  const lease_id = leases[0] ?? "";
  expect(await world.must("preview_change", { force_release: lease_id })).toMatchObject({ admits: 2 });
  await world.must("update", { limit: 2 });
  expect(await world.must("preview_change", { force_release: lease_id })).toMatchObject({ over: 0 });
  await world.must("force_release", { lease_id });
  await world.acquire({ request_id: "caller-0" });
  await world.acquire({ request_id: "caller-1" });
  expect(await world.must("preview_change", { force_release: lease_id })).toMatchObject({ admits: 0 });
  expect((await world.do("preview_change", { slot_names: ["a"], limit: 2 })).ok).toBe(false);
  expect((await world.do("preview_change", { id: crypto.randomUUID() })).ok).toBe(false);
});

test("of a line longer than is looked at it is said that there is more", async () => {
  const world = new LimitWorld("gpu", { now: START });
  await world.must("create", { name: world.name, limit: 1 });
  await world.acquire();
  for (let index = 0; index <= WAITERS_PREVIEWED_MAX; index += 1)
    await world.acquire({ request_id: `run-${index}`, caller: run });
  const admits = WAITERS_PREVIEWED_MAX;
  expect(await world.must("preview_change", { limit: admits })).toMatchObject({
    admits: admits - 1,
    has_more: false,
  });
  expect(await world.must("preview_change", { limit: admits + 1 })).toMatchObject({
    admits,
    has_more: false,
  });
  const more = await world.must("preview_change", { limit: admits + 2 });
  expect(more).toMatchObject({ admits, has_more: true });
  expect(more.admitted).toHaveLength(10);
}, 60_000);
