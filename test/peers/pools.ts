/** Pools in which the bugs of others are played, and those who work on them. */
import { expect } from "vitest";
import type { ClaimedRun } from "../../src/contract/wire/agents.ts";
import type { RunDraft } from "../../src/objects/pool/operations.ts";
import { attemptId, createTestPool, draftOf, SESSION, type TestPool } from "../unit/pool/support.ts";

export const SESSION_MS = 60_000;
export const OTHER_SESSION = SESSION.replace(/.$/, "2");
export const FREE_DEPLOYMENT = "0f9a1c52-0000-4000-8000-0000000000d2";
export const GONE = { ok: false, error: { code: "gone" } };

/** Makes a run that is due. */
export async function submit(pool: TestPool, more: Partial<RunDraft> = {}): Promise<string> {
  // Runs of the same millisecond have no order among them.
  await pool.advance(1);
  return (await pool.do("create_run", { draft: draftOf(more), deployment: null })).flow_run.id;
}

/** An agent asks for as many runs as it names attempts. */
export function claim(pool: TestPool, attempts: number[], worker_name = "gpu-1", session_id = SESSION) {
  const attempt_ids = attempts.map(attemptId);
  return pool.do("claim", { worker_name, session_id, attempt_ids, work_queue_names: [] });
}

/** What a worker of Prefect's sees: all that is due within the next ten seconds. */
export async function poll(
  pool: TestPool,
  limit = 200,
  csrf_client: string | null = null,
): Promise<string[]> {
  const due = await pool.do("get_scheduled", {
    work_queue_names: null,
    scheduled_before: new Date(pool.clock.now + 10_000).toISOString().replace("Z", "000Z"),
    scheduled_after: null,
    limit,
    csrf_client,
  });
  return due.map(({ id }) => id);
}

/** A process of Prefect's proposes a state; tells what became of it. */
export async function propose(pool: TestPool, id: string, type: string) {
  const state = { type } as never;
  return (await pool.do("set_state", { id, state, is_forced: false, run: null })).result;
}

/** How an attempt names itself. */
export function nameOf(claimed: ClaimedRun | undefined) {
  const { flow_run, attempt_id, fence } = claimed ?? expect.fail("nothing was claimed");
  return { flow_run_id: flow_run.id, attempt_id, fence };
}

/** The attempt's process has begun. */
export async function start(pool: TestPool, claimed: ClaimedRun | undefined) {
  const run = nameOf(claimed);
  await pool.do("start_attempt", { ...run, sets_own_state: false });
  return run;
}

/** A pool whose one slot is taken by a run that is under way; another one waits. */
export async function openFull(lost_run_policy: "crash" | "reschedule" = "crash") {
  const pool = await createTestPool();
  await pool.do("update", { concurrency_limit: 1, lost_run_policy });
  await pool.beat();
  const [first, second] = [await submit(pool), await submit(pool)];
  const run = await start(pool, (await claim(pool, [1])).claims[0]);
  expect(run.flow_run_id).toBe(first);
  return { pool, first, second, run };
}

export const stateOf = async (pool: TestPool, id: string) => (await pool.do("read_run", { id })).state_type;
export const idsOf = ({ claims }: { claims: ClaimedRun[] }) => claims.map(({ flow_run }) => flow_run.id);
/** What an agent reports of a process that has ended well. */
export const exited = { outcome: "exited", exit_code: 0, signal: null, sets_own_state: false } as const;
