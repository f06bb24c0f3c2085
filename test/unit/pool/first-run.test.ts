import { expect, test } from "vitest";
import { runningStateOf } from "../../../src/contract/attempts.ts";
import type { StateCreate } from "../../../src/contract/wire/states.ts";
import { attemptId, createTestPool, draftOf, SESSION } from "./support.ts";

test("a run flows from its creation through claim, start and states to its end", async () => {
  const pool = await createTestPool();
  const { flow_run, was_created } = await pool.do("create_run", { draft: draftOf(), deployment: null });
  expect(was_created).toBe(true);
  expect(flow_run).toMatchObject({
    state_type: "SCHEDULED",
    work_pool_name: "ml-pool",
    work_queue_name: "default",
  });
  expect(pool.wakes).toContainEqual({ reason: "run_ready", worker_name: undefined });

  await pool.beat();
  const { claims } = await pool.do("claim", {
    worker_name: "gpu-1",
    session_id: SESSION,
    attempt_ids: [attemptId(1), attemptId(2)],
    work_queue_names: [],
  });
  expect(claims).toHaveLength(1);
  const [claim] = claims;
  expect(claim).toMatchObject({
    attempt_id: attemptId(1),
    fence: 1,
    flow_run: { id: flow_run.id, state_type: "PENDING" },
  });

  const run = { flow_run_id: flow_run.id, attempt_id: attemptId(1), fence: 1 };
  await pool.do("start_attempt", { ...run, infrastructure_pid: "4711" });
  const running = await pool.do("set_state", {
    id: flow_run.id,
    state: { type: "RUNNING" },
    is_forced: false,
    run,
  });
  expect(running.result.status).toBe("ACCEPT");
  const ended = await pool.do("end_attempt", {
    ...run,
    exit_code: 0,
    signal: null,
    outcome: "exited",
    sets_own_state: false,
  });
  expect(ended).toMatchObject({ state_type: "COMPLETED", infrastructure_pid: "4711", run_count: 1 });
  const states = await pool.do("read_states", { flow_run_id: flow_run.id });
  expect(states.map(({ type }) => type)).toEqual(["SCHEDULED", "PENDING", "RUNNING", "COMPLETED"]);

  const late = await pool.do("set_state", {
    id: flow_run.id,
    state: { type: "RUNNING" },
    is_forced: false,
    run,
  });
  expect(late.result.status).toBe("ABORT");
});

test("a run becomes Running once per attempt, whether its process or its agent says so first", async () => {
  const pool = await createTestPool();
  const ids = [1, 2, 3].map(attemptId);
  for (const _ of ids) await pool.do("create_run", { draft: draftOf(), deployment: null });
  await pool.beat();
  const { claims } = await pool.do("claim", {
    worker_name: "gpu-1",
    session_id: SESSION,
    attempt_ids: ids,
    work_queue_names: [],
  });
  const runs = claims.map(({ flow_run, attempt_id, fence }) => ({
    flow_run_id: flow_run.id,
    attempt_id,
    fence,
  }));
  const start = (run: (typeof runs)[number]) => pool.do("start_attempt", { ...run, sets_own_state: false });
  const say = (run: (typeof runs)[number], state: StateCreate) =>
    pool.do("set_state", { id: run.flow_run_id, state, is_forced: false, run });
  const [agentFirst, processFirst, overBefore] = runs;

  await start(agentFirst!);
  expect((await say(agentFirst!, runningStateOf(agentFirst!.attempt_id))).result).toMatchObject({
    status: "REJECT",
    state: { type: "RUNNING" },
  });
  await say(processFirst!, runningStateOf(processFirst!.attempt_id));
  await start(processFirst!);
  await say(overBefore!, runningStateOf(overBefore!.attempt_id));
  await say(overBefore!, { type: "COMPLETED" });
  await start(overBefore!);

  for (const [run, type] of [
    [agentFirst!, "RUNNING"],
    [processFirst!, "RUNNING"],
    [overBefore!, "COMPLETED"],
  ] as const)
    expect(await pool.do("read_run", { id: run.flow_run_id })).toMatchObject({
      state_type: type,
      run_count: 1,
    });
});
