/** Who listens hears when a pool, its queues and its deployments become ready, and when they fall silent. */
import { beforeEach, describe, expect, test } from "vitest";
import { accept } from "../../../src/contract/errors.ts";
import { INTERNAL_POOL_NAMES } from "../../../src/contract/internal-pools.ts";
import type { Event } from "../../../src/contract/wire/events.ts";
import { createTestPool, DEPLOYMENT, FLOW, POOL, SESSION, type TestPool } from "./support.ts";

let pool: TestPool;
let isWanted: boolean;

const told = () =>
  pool.calls
    .filter(({ operation }) => operation === "note_events")
    .flatMap(({ command }) => (command as { events: Event[] }).events)
    .map(({ event, resource }) => `${event.replace("prefect.", "")} ${resource["prefect.resource.name"]}`);

async function start(options: { name?: string; isCreated?: boolean } = {}) {
  pool = await createTestPool(options);
  // That it was made is told, too.
  pool.calls.length = 0;
  pool.answer = ({ operation, command }) => {
    if (operation === "note_events") return accept({ is_wanted: isWanted });
    if (operation !== "name_deployments") return accept(null);
    const named = { id: DEPLOYMENT, name: "d", flow_id: FLOW, flow_name: "f", work_queue_name: "default" };
    return accept([
      { ...named, work_queue_id: (command as { work_queue_id?: string }).work_queue_id ?? null },
    ]);
  };
}
const poll = () =>
  pool.do("get_scheduled", {
    work_queue_names: null,
    limit: 10,
    scheduled_before: null,
    scheduled_after: null,
    csrf_client: null,
  });

beforeEach(() => {
  isWanted = true;
});

describe("of a pool", () => {
  beforeEach(() => start());

  test("with Prefect's worker: ready once, and not ready once it is silent, after an eviction too", async () => {
    for (let minute = 0; minute < 5; minute += 1) {
      await pool.do("heartbeat", { name: "theirs", heartbeat_interval_seconds: 30 });
      await poll();
      await pool.advance(30_000);
    }
    const ready = [`work-pool.ready ${POOL}`, "work-queue.ready default", "deployment.ready d"];
    expect(told()).toEqual(ready);
    await pool.evict();
    await pool.advance(31_000);
    const silent = ["work-queue.not-ready default", "deployment.not-ready d"];
    expect(told()).toEqual([...ready, ...silent]);
    await pool.advance(30_000);
    expect(told()).toEqual([...ready, ...silent, `work-pool.not-ready ${POOL}`]);
    await pool.advance(3_600_000);
    expect(told()).toHaveLength(6);
    expect(pool.host.alarm_at).toBeNull();
  });

  test("with an agent of ours: its queue is ready without a poll, and both are not when it says goodbye", async () => {
    await pool.beat();
    await pool.advance(0);
    expect(told().toSorted()).toEqual([
      "deployment.ready d",
      `work-pool.ready ${POOL}`,
      "work-queue.ready default",
    ]);
    await pool.do("end_session", { name: "gpu-1", session_id: SESSION });
    await pool.advance(0);
    expect(told().slice(3).toSorted()).toEqual([
      "deployment.not-ready d",
      `work-pool.not-ready ${POOL}`,
      "work-queue.not-ready default",
    ]);
  });

  test("nobody listens: nothing is told and no alarm is set, until somebody does", async () => {
    isWanted = false;
    await pool.beat();
    await pool.advance(10_000);
    expect(pool.host.alarm_at).toBeNull();
    pool.calls.length = 0;
    isWanted = true;
    await pool.do("update", { is_paused: true });
    expect(told()).toEqual([]);
    await pool.do("events_wanted", {});
    await pool.advance(0);
    expect(told()).toContain(`work-pool.paused ${POOL}`);
  });
});

test("of a deployment that a process serves", async () => {
  await start({ name: INTERNAL_POOL_NAMES[0]!, isCreated: false });
  const note = {
    deployment_id: DEPLOYMENT,
    revision: 1,
    concurrency_limit: null,
    collision_strategy: "ENQUEUE" as const,
    grace_period_seconds: null,
  };
  await pool.do("put_deployment", note);
  const ask = {
    deployment_ids: [DEPLOYMENT],
    work_queue_names: null,
    limit: 10,
    scheduled_before: null,
    scheduled_after: null,
  };
  await pool.do("get_scheduled", { ...ask, csrf_client: null });
  await pool.advance(59_000);
  expect(told()).toEqual(["deployment.ready d"]);
  await pool.advance(2_000);
  expect(told()).toEqual(["deployment.ready d", "deployment.not-ready d"]);
});
