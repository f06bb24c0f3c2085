import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatInstant, instantToMicros } from "../../../src/contract/instants.ts";
import { poolNameOfRun, INTERNAL_POOL_NAMES } from "../../../src/contract/internal-pools.ts";
import type { DeploymentCreate } from "../../../src/contract/wire/deployments.ts";
import type { DeploymentScheduleCreate, ScheduleOut } from "../../../src/contract/wire/schedules.ts";
import { planRuns } from "../../../src/domain/catalog/materialization.ts";
import { nextDates } from "../../../src/domain/schedule/schedule.ts";
import { START, TestWorkspace } from "./support.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
const POOL = "ml-pool";
const place = { work_pool_name: POOL, work_queue_name: "default", work_queue_id: null };
const cron = (text: string) => ({ schedule: { cron: text } });
const every = (interval: number) => ({ schedule: { interval, anchor_date: formatInstant(START) } });

async function open(): Promise<{ world: TestWorkspace; flow_id: string }> {
  const world = new TestWorkspace();
  await world.openPool(POOL);
  const { flow } = await world.do("create_flow", { name: "f" });
  return { world, flow_id: flow.id };
}

async function deploy(
  world: TestWorkspace,
  flow_id: string,
  schedules: DeploymentScheduleCreate[],
  more: Partial<DeploymentCreate> = {},
) {
  const create = { name: "d", flow_id, schedules, ...more };
  const { deployment } = await world.do("put_deployment", { create, place });
  return deployment;
}

/** Dates of the runs to come, written short. */
async function datesAhead(world: TestWorkspace): Promise<string[]> {
  const now = formatInstant(world.clock.now).slice(5, 16);
  return (await datesPlanned(world)).filter((date) => date > now);
}

async function datesPlanned(world: TestWorkspace): Promise<string[]> {
  return (await world.plannedRuns()).map(({ date }) => date.slice(5, 16));
}

describe("a plan", () => {
  const now = START * 1000;
  const schedule = (interval: number): ScheduleOut => ({
    interval,
    anchor_date: formatInstant(START),
    timezone: "UTC",
  });
  test.each<[string, ScheduleOut, number | null, number, number | null]>([
    ["three runs where they are rare, more when the first has started", schedule(86_400), null, 3, DAY],
    ["an hour of runs where they are frequent, more in a minute", schedule(60), null, 60, 60 * SECOND],
    ["a hundred runs at most", schedule(1), null, 100, 60 * SECOND],
    ["no more than the schedule may have", schedule(60), 2, 2, 60 * SECOND],
    ["nothing beyond a hundred days, until it comes nearer", schedule(150 * 86_400), null, 0, 50 * DAY],
    ["one of two where the second is too far", schedule(60 * 86_400), null, 1, 20 * DAY],
    [
      "nothing for ages, and looks again in a year",
      { cron: "0 0 29 2 1", timezone: null, day_or: false },
      null,
      0,
      365 * DAY,
    ],
    [
      "nothing ever again where there are no dates",
      { cron: "0 0 30 2 *", timezone: null, day_or: true },
      null,
      0,
      null,
    ],
    [
      "the last dates of a rule, and no more",
      { rrule: "DTSTART:20261120T000000\nFREQ=DAILY;COUNT=5", timezone: "UTC" },
      null,
      2,
      null,
    ],
  ])("has %s", (_what, of, most, count, dueIn) => {
    const plan = planRuns(of, most, now);
    expect(plan.dates).toHaveLength(count);
    expect(plan.due_at === null ? null : plan.due_at - START).toBe(dueIn);
  });

  test("a tiny interval is looked at once in a second at most", () => {
    const plan = planRuns(schedule(0.000_001), null, now);
    expect(plan).toMatchObject({ due_at: START + SECOND });
    expect(plan.dates).toHaveLength(100);
  });
});

test("a run of a schedule carries what the deployment and the schedule say", async () => {
  const { world, flow_id } = await open();
  const deployment = await deploy(
    world,
    flow_id,
    [{ ...cron("0 * * * *"), parameters: { n: 2, extra: true } }],
    { parameters: { n: 1, kept: "x" }, tags: ["gpu"], job_variables: { env: {} }, version: "7" },
  );
  const [materialized] = world.calls.filter(({ operation }) => operation === "materialize");
  const command = materialized?.command as { runs: unknown[]; deployment: unknown; is_replacing: boolean };
  const [schedule] = deployment.schedules;
  expect(command.deployment).toMatchObject({ deployment_id: deployment.id, revision: 1 });
  expect(command.is_replacing).toBe(true);
  expect(command.runs).toHaveLength(3);
  expect(command.runs[0]).toMatchObject({
    flow_id,
    deployment_id: deployment.id,
    deployment_version: "7",
    work_queue_name: "default",
    parameters: { n: 2, kept: "x", extra: true },
    tags: ["auto-scheduled", "gpu"],
    labels: { "prefect.flow.id": flow_id, "prefect.deployment.id": deployment.id },
    idempotency_key: `scheduled ${deployment.id} ${schedule?.id} 2026-11-22T13:00:00.000000Z`,
    job_variables: { env: {} },
    created_by: { id: schedule?.id, type: "SCHEDULE" },
    auto_scheduled: true,
    state: { type: "SCHEDULED", state_details: { scheduled_time: "2026-11-22T13:00:00.000000Z" } },
  });
  expect(await datesAhead(world)).toEqual(["11-22T13:00", "11-22T14:00", "11-22T15:00"]);
});

test("an idle catalog does not wake: one alarm for each run of a rare schedule", async () => {
  const { world, flow_id } = await open();
  await deploy(world, flow_id, [cron("0 6 * * *")]);
  // The alarm that stood guard over the effects rings once and finds nothing to do.
  await world.advance(10 * SECOND);
  expect(world.alarmAt).toBe(Date.UTC(2026, 10, 23, 6));
  expect(await world.advance(10 * DAY)).toBeLessThanOrEqual(2 * 10);
  expect(await datesAhead(world)).toEqual(["12-03T06:00", "12-04T06:00", "12-05T06:00"]);
});

test("a change replaces the runs to come at once, with what is true now", async () => {
  const { world, flow_id } = await open();
  const { id } = await deploy(world, flow_id, [cron("0 * * * *")], { parameters: { n: 1 } });
  await world.do("update_deployment", { id, update: { parameters: { n: 2 }, tags: ["new"] } });
  const runs = await world.plannedRuns();
  expect(runs.map(({ parameters, tags }) => ({ parameters, tags }))).toEqual(
    Array.from({ length: 3 }, () => ({ parameters: { n: 2 }, tags: ["auto-scheduled", "new"] })),
  );
  await world.do("update_deployment", { id, update: { schedules: [cron("30 * * * *")] } });
  expect(await datesAhead(world)).toEqual(["11-22T12:30", "11-22T13:30", "11-22T14:30"]);
  await world.do("update_deployment", { id, update: { paused: true } });
  expect(await datesAhead(world)).toEqual([]);
  await world.advance(5 * HOUR);
  expect(await datesAhead(world)).toEqual([]);
  await world.do("update_deployment", { id, update: { paused: false } });
  expect(await datesAhead(world)).toEqual(["11-22T17:30", "11-22T18:30", "11-22T19:30"]);
  await world.do("delete_deployment", { id });
  expect(await world.plannedRuns()).toEqual([]);
});

test("a schedule that is switched off has no runs, its neighbour keeps its own", async () => {
  const { world, flow_id } = await open();
  const { id, schedules } = await deploy(world, flow_id, [cron("0 * * * *"), cron("30 * * * *")]);
  const update = { active: false };
  await world.do("update_schedule", { deployment_id: id, schedule_id: schedules[0]?.id ?? "", update });
  expect(await datesAhead(world)).toEqual(["11-22T12:30", "11-22T13:30", "11-22T14:30"]);
  await world.do("delete_schedule", { deployment_id: id, schedule_id: schedules[1]?.id ?? "" });
  expect(await datesAhead(world)).toEqual([]);
});

test("a run that is due stays when its deployment changes, and goes when that is paused", async () => {
  const { world, flow_id } = await open();
  const { id } = await deploy(world, flow_id, [cron("0 * * * *")]);
  await world.advance(HOUR + SECOND);
  await world.do("update_deployment", { id, update: { tags: ["new"] } });
  expect((await datesPlanned(world))[0]).toBe("11-22T13:00");
  await world.do("update_deployment", { id, update: { paused: true } });
  expect(await world.plannedRuns()).toEqual([]);
});

test("a schedule that is deleted takes its due run along, and leaves those of its neighbour", async () => {
  const { world, flow_id } = await open();
  const { id, schedules } = await deploy(world, flow_id, [cron("0 * * * *"), cron("30 * * * *")]);
  await world.advance(HOUR + SECOND);
  const due = async () => (await datesPlanned(world)).filter((date) => date <= "11-22T13:00");
  expect(await due()).toEqual(["11-22T12:30", "11-22T13:00"]);
  await world.do("delete_schedule", { deployment_id: id, schedule_id: schedules[0]?.id ?? "" });
  expect(await due()).toEqual(["11-22T12:30"]);
});

test("a deployment that moves takes its runs along", async () => {
  const { world, flow_id } = await open();
  const shard = poolNameOfRun(null, flow_id);
  expect(INTERNAL_POOL_NAMES).toContain(shard);
  await world.openPool(shard, false);
  const { id } = await deploy(world, flow_id, [cron("0 * * * *")]);
  const nowhere = { work_pool_name: null, work_queue_name: null, work_queue_id: null };
  await world.do("update_deployment", { id, update: {}, place: nowhere });
  expect(await datesAhead(world)).toEqual(["11-22T13:00", "11-22T14:00", "11-22T15:00"]);
  await world.do("update_deployment", { id, update: {}, place });
  expect(await datesAhead(world)).toEqual(["11-22T13:00", "11-22T14:00", "11-22T15:00"]);
});

test("a deleted deployment is taken out of every pool that it was in", async () => {
  const { world, flow_id } = await open();
  await world.openPool("other");
  const { id } = await deploy(world, flow_id, []);
  await world.do("update_deployment", { id, update: {}, place: { ...place, work_pool_name: "other" } });
  await world.do("delete_deployment", { id });
  const removals = world.calls.filter(({ operation }) => operation === "remove_deployment");
  expect(removals.map(({ command }) => command)).toEqual(
    Array.from({ length: 2 }, () => ({ deployment_id: id, revision: 3 })),
  );
  expect(new Set(removals.map(({ address }) => address.key)).size).toBe(2);
});

test("a deployment whose pool is deleted stays, without one", async () => {
  const { world, flow_id } = await open();
  const entry = { id: "p1", name: POOL, key: "0123456789" };
  await world.do("register", { kind: "pool", entry });
  const { id } = await deploy(world, flow_id, []);
  await world.do("unregister", { kind: "pool", name: POOL, id: "p0" });
  expect((await world.do("read_deployment", { id })).deployment.work_pool_name).toBe(POOL);
  await world.do("unregister", { kind: "pool", name: POOL, id: "p1" });
  expect((await world.do("read_deployment", { id })).deployment).toMatchObject({
    work_pool_name: null,
    work_queue_name: null,
  });
});

test("large parameters travel in several effects of a bounded size", async () => {
  const { world, flow_id } = await open();
  await deploy(world, flow_id, [every(60)], { parameters: { blob: "x".repeat(100_000) } });
  const sizes = world.calls
    .filter(({ operation }) => operation === "materialize")
    .map(({ command }) => JSON.stringify(command).length);
  expect(sizes.length).toBeGreaterThan(10);
  expect(Math.max(...sizes)).toBeLessThan(400_000);
  expect(await datesAhead(world)).toHaveLength(60);
});

type Step =
  | { do: "advance"; ms: number; mode: "in time" | "late" }
  | { do: "ring" | "ring twice" | "evict" | "delete" }
  | { do: "fault"; fault: "none" | "deaf" | "mute" }
  | { do: "pause"; paused: boolean }
  | { do: "schedules"; schedules: DeploymentScheduleCreate[] }
  | { do: "move"; isAway: boolean };

const schedules = fc.array(
  fc.record({
    schedule: fc.oneof(
      fc.constantFrom(7, 60, 419, 3600, 86_400, 40 * 86_400).map((interval) => every(interval).schedule),
      fc
        .constantFrom("*/5 * * * *", "0 3 * * 1", "0 0 29 2 *", "0 0 30 2 *")
        .map((text) => ({ cron: text, timezone: "Europe/Berlin" })),
      fc.constantFrom({ rrule: "DTSTART:20261122T000000\nFREQ=HOURLY;COUNT=20" }, { rrule: "FREQ=MINUTELY" }),
    ),
    active: fc.boolean(),
    max_scheduled_runs: fc.option(fc.integer({ min: 1, max: 5 })),
  }),
  { maxLength: 3 },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("advance" as const),
    ms: fc.oneof(fc.integer({ min: 1, max: 100 * SECOND }), fc.integer({ min: 1, max: 600 * SECOND })),
    mode: fc.constantFrom("in time" as const, "late" as const),
  }),
  fc.record({
    do: fc.constant("advance" as const),
    ms: fc.integer({ min: 1, max: 30 * HOUR }),
    mode: fc.constant("late" as const),
  }),
  fc.record({ do: fc.constantFrom("ring" as const, "ring twice" as const, "evict" as const) }),
  fc.record({
    do: fc.constant("fault" as const),
    fault: fc.constantFrom("none" as const, "deaf" as const, "mute" as const),
  }),
  fc.record({ do: fc.constant("pause" as const), paused: fc.boolean() }),
  fc.record({ do: fc.constant("schedules" as const), schedules }),
  fc.record({ do: fc.constant("move" as const), isAway: fc.boolean() }),
);

test(
  "no date becomes two runs and no bound is passed, whatever happens in whatever order",
  { timeout: 60_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(schedules, fc.array(step, { maxLength: 12 }), async (first, steps) => {
        const { world, flow_id } = await open();
        await world.openPool("other");
        const { id } = await deploy(world, flow_id, first);
        for (const next of steps) {
          if (next.do === "advance") await world.advance(next.ms, next.mode);
          else if (next.do === "ring") await world.ring();
          else if (next.do === "ring twice") await Promise.all([world.ring(), world.ring()]);
          else if (next.do === "evict") await world.evict();
          else if (next.do === "fault") world.fault = next.fault;
          else if (next.do === "pause")
            await world.do("update_deployment", { id, update: { paused: next.paused } });
          else if (next.do === "schedules")
            await world.do("update_deployment", { id, update: { schedules: next.schedules } });
          else if (next.do === "move")
            await world.do("update_deployment", {
              id,
              update: {},
              place: { ...place, work_pool_name: next.isAway ? "other" : POOL },
            });
          const keys = (await world.plannedRuns()).map((run) => `${run.schedule_id} ${run.date}`);
          expect(keys.length).toBe(new Set(keys).size);
        }
        // The network heals, and everything that was held back arrives.
        world.fault = "none";
        await world.advance(31 * SECOND);
        await expectBounds(world, id);
        await world.advance(600 * SECOND);
        await expectBounds(world, id);
        // A network that fails for long may hold an effect back for long; nothing else may have gone wrong.
        const expected = ["commit_failed", "effect_stuck"];
        expect(world.events.filter(({ event }) => !expected.includes(String(event)))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  },
);

/** What must hold of the runs to come when the pool hears the catalog. */
async function expectBounds(world: TestWorkspace, id: string): Promise<void> {
  const { deployment } = await world.do("read_deployment", { id });
  const now = world.clock.now * 1000;
  const ahead = (await world.plannedRuns()).filter(({ date }) => instantToMicros(date) > now);
  const known = new Set(deployment.schedules.map((schedule) => schedule.id));
  expect(ahead.filter(({ schedule_id }) => !known.has(schedule_id))).toEqual([]);
  for (const { id: schedule_id, schedule, active, max_scheduled_runs } of deployment.schedules) {
    const dates = ahead
      .filter((run) => run.schedule_id === schedule_id)
      .map(({ date }) => instantToMicros(date))
      .sort((a, b) => a - b);
    if (deployment.paused || !active) {
      expect(dates).toEqual([]);
      continue;
    }
    const most = Math.min(100, max_scheduled_runs ?? 100);
    // The runs to come are the next dates, without a hole.
    expect(dates).toEqual(nextDates(schedule, now, dates.length, Number.POSITIVE_INFINITY));
    expect(dates.length).toBeLessThanOrEqual(most);
    const farthest = (world.clock.now + 100 * DAY) * 1000;
    const last = dates.at(-1);
    if (last !== undefined) expect(last).toBeLessThanOrEqual(farthest);
    const reachable = nextDates(schedule, now, 3, farthest).length;
    expect(dates.length).toBeGreaterThanOrEqual(Math.min(reachable, most, 3));
    const isAnHourAhead = last !== undefined && last >= now + 59 * 60 * 1_000_000;
    const isAtItsEnd = nextDates(schedule, last ?? now, 1, farthest).length === 0;
    expect(isAnHourAhead || isAtItsEnd || most < 60 || dates.length >= 40).toBe(true);
  }
}
