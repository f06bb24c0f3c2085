import { expect, test } from "vitest";
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
