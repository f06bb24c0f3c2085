/**
 * Random play against the real actor: agents claim, start, end, die and come back; people pause, limit, cancel, retry;
 * the object is evicted and its alarm comes early or twice. After every step the promises must hold.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { GRACE_SECONDS } from "../../../src/contract/bounds.ts";
import type { ClaimedRun } from "../../../src/contract/wire/agents.ts";
import { isTerminal } from "../../../src/contract/wire/states.ts";
import { findPoolFault } from "../../support/pool-promises.ts";
import { attemptId, createTestPool, draftOf, type TestPool } from "./support.ts";

const WORKERS = ["w1", "w2", "w3"];
const SESSION_SECONDS = 60;

interface Agent {
  name: string;
  session_id: string;
  limit: number | null;
  isAlive: boolean;
  running: Map<string, ClaimedRun>;
}

type Step =
  | { kind: "submit"; delay_seconds: number; queue: string | null; retries: number }
  | { kind: "claim"; worker: number; wanted: number; isRepeated: boolean }
  | { kind: "start"; worker: number }
  | { kind: "run"; worker: number }
  | {
      kind: "end";
      worker: number;
      exit_code: number;
      outcome: "exited" | "not_started";
      sets_own_state: boolean;
    }
  | { kind: "die"; worker: number }
  | { kind: "limit"; pool: number | null; queue: number | null }
  | { kind: "pause"; is_paused: boolean }
  | { kind: "cancel"; run: number }
  | { kind: "crash"; run: number }
  | { kind: "stale"; worker: number }
  | { kind: "evict" }
  | { kind: "advance"; seconds: number };

const worker = fc.nat(WORKERS.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("submit" as const),
      delay_seconds: fc.constantFrom(0, 0, 0, 5, 100),
      queue: fc.constantFrom(null, "fast"),
      retries: fc.constantFrom(0, 0, 1),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("claim" as const),
      worker,
      wanted: fc.integer({ min: 1, max: 4 }),
      isRepeated: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("start" as const), worker }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("run" as const), worker }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("end" as const),
      worker,
      exit_code: fc.constantFrom(0, 0, 1),
      outcome: fc.constantFrom("exited" as const, "exited" as const, "not_started" as const),
      sets_own_state: fc.boolean(),
    }),
  },
  fc.record({ kind: fc.constant("die" as const), worker }),
  fc.record({
    kind: fc.constant("limit" as const),
    pool: fc.constantFrom(null, 0, 1, 3),
    queue: fc.constantFrom(null, 1, 2),
  }),
  fc.record({ kind: fc.constant("pause" as const), is_paused: fc.boolean() }),
  fc.record({ kind: fc.constant("cancel" as const), run: fc.nat(20) }),
  fc.record({ kind: fc.constant("crash" as const), run: fc.nat(20) }),
  fc.record({ kind: fc.constant("stale" as const), worker }),
  fc.record({ kind: fc.constant("evict" as const) }),
  fc.record({ kind: fc.constant("advance" as const), seconds: fc.constantFrom(1, 16, 61, 200) }),
);

class Play {
  readonly pool: TestPool;
  readonly agents: Agent[] = WORKERS.map((name, index) => ({
    name,
    session_id: attemptId(0x5000 + index),
    limit: index === 0 ? 2 : null,
    isAlive: true,
    running: new Map(),
  }));
  readonly runs: string[] = [];
  readonly fences = new Map<string, number>();
  readonly ended: ClaimedRun[] = [];
  #attempts = 0;
  #sessions = 0;
  #limits: { pool: number | null; queue: number | null } = { pool: null, queue: null };

  constructor(pool: TestPool) {
    this.pool = pool;
  }

  async beatAll(): Promise<void> {
    for (const agent of this.agents) {
      if (!agent.isAlive) continue;
      const answer = await this.pool.beat({
        name: agent.name,
        session_id: agent.session_id,
        session_seconds: SESSION_SECONDS,
        limit: agent.limit,
        attempt_ids: [...agent.running.keys()],
      });
      for (const id of answer.ended_attempt_ids) this.forget(agent, id);
    }
  }

  forget(agent: Agent, attempt_id: string): void {
    const claim = agent.running.get(attempt_id);
    if (claim !== undefined) this.ended.push(claim);
    agent.running.delete(attempt_id);
  }

  async apply(step: Step): Promise<void> {
    const { pool } = this;
    const agent = "worker" in step ? this.agents[step.worker] : undefined;
    const held = agent === undefined ? undefined : [...agent.running.values()].at(-1);
    const of = held && { flow_run_id: held.flow_run.id, attempt_id: held.attempt_id, fence: held.fence };
    switch (step.kind) {
      case "submit": {
        const scheduled_time = new Date(pool.clock.now + step.delay_seconds * 1000).toISOString();
        const { flow_run } = await pool.do("create_run", {
          draft: draftOf({
            work_queue_name: step.queue,
            empirical_policy: { retries: step.retries, retry_delay: 3 },
            state: {
              type: "SCHEDULED",
              state_details: { scheduled_time: scheduled_time.replace("Z", "000Z") },
            },
          }),
          deployment: null,
        });
        this.runs.push(flow_run.id);
        return;
      }
      case "claim": {
        if (agent === undefined || !agent.isAlive) return;
        const attempt_ids = Array.from({ length: step.wanted }, () => attemptId((this.#attempts += 1)));
        const command = {
          worker_name: agent.name,
          session_id: agent.session_id,
          attempt_ids,
          work_queue_names: [],
        };
        const { claims } = await pool.do("claim", command);
        if (claims.length > 0)
          this.checkLimits(claims.some(({ flow_run }) => flow_run.work_queue_name === "fast"));
        for (const claim of claims) {
          expect(claim.fence).toBeGreaterThan(this.fences.get(claim.flow_run.id) ?? 0);
          this.fences.set(claim.flow_run.id, claim.fence);
          agent.running.set(claim.attempt_id, claim);
        }
        if (step.isRepeated) {
          const again = await pool.do("claim", {
            ...command,
            attempt_ids: claims
              .map((claim) => claim.attempt_id)
              .concat(attempt_ids)
              .slice(0, 8),
          });
          for (const claim of claims)
            expect(again.claims.find(({ attempt_id }) => attempt_id === claim.attempt_id)).toMatchObject({
              fence: claim.fence,
              flow_run: { id: claim.flow_run.id },
            });
          for (const claim of again.claims) {
            agent.running.set(claim.attempt_id, claim);
            this.fences.set(claim.flow_run.id, claim.fence);
          }
        }
        return;
      }
      case "start": {
        if (of === undefined || agent === undefined || !agent.isAlive) return;
        const result = await pool.ask("start_attempt", { ...of, infrastructure_pid: "1" });
        if (!result.ok) this.forget(agent, of.attempt_id);
        return;
      }
      case "run": {
        if (of === undefined || agent === undefined || !agent.isAlive) return;
        await pool.do("set_state", {
          id: of.flow_run_id,
          state: { type: "RUNNING" },
          is_forced: false,
          run: of,
        });
        return;
      }
      case "end": {
        if (of === undefined || agent === undefined || !agent.isAlive) return;
        const { exit_code, outcome, sets_own_state } = step;
        await pool.ask("end_attempt", { ...of, exit_code, signal: null, outcome, sets_own_state });
        this.forget(agent, of.attempt_id);
        return;
      }
      case "die": {
        if (agent === undefined) return;
        // A dead agent comes back as another one, under its old name, without its processes.
        if (!agent.isAlive) {
          this.#sessions += 1;
          agent.session_id = attemptId(0x6000 + this.#sessions);
          for (const id of agent.running.keys()) this.forget(agent, id);
        }
        agent.isAlive = !agent.isAlive;
        await this.beatAll();
        return;
      }
      case "limit": {
        this.#limits = { pool: step.pool, queue: step.queue };
        await pool.do("update", { concurrency_limit: step.pool });
        await pool.do("update_queue", { name: "fast", update: { concurrency_limit: step.queue } });
        return;
      }
      case "pause": {
        await pool.do("update", { is_paused: step.is_paused });
        return;
      }
      case "cancel": {
        const id = this.runs[step.run];
        if (id === undefined) return;
        await pool.do("set_state", { id, state: { type: "CANCELLING" }, is_forced: false, run: null });
        return;
      }
      case "crash": {
        const id = this.runs[step.run];
        if (id === undefined) return;
        await pool.do("set_state", { id, state: { type: "CRASHED" }, is_forced: true, run: null });
        return;
      }
      case "stale": {
        const old = this.ended.at(-1);
        if (old === undefined) return;
        const before = await pool.do("read_run", { id: old.flow_run.id });
        const run = { flow_run_id: old.flow_run.id, attempt_id: old.attempt_id, fence: old.fence };
        const { result } = await pool.do("set_state", {
          id: run.flow_run_id,
          state: { type: "RUNNING" },
          is_forced: true,
          run,
        });
        const active = this.read<{ attempt_id: string }>(
          "SELECT attempt_id FROM active WHERE run_id = ?",
          run.flow_run_id,
        )[0];
        if (active?.attempt_id === run.attempt_id) return;
        expect(result.status).toBe("ABORT");
        const after = await pool.do("read_run", { id: old.flow_run.id });
        expect(after.state_id).toBe(before.state_id);
        return;
      }
      case "evict": {
        await pool.evict();
        return;
      }
      case "advance": {
        for (let left = step.seconds; left > 0; left -= 20) {
          await pool.advance(Math.min(left, 20) * 1000);
          await this.beatAll();
        }
        return;
      }
    }
  }

  read<Row>(sql: string, ...bindings: (string | number)[]): Row[] {
    return this.pool.host.sql.all<Row>(sql, ...bindings);
  }

  /** What must hold right after a claim gave something; a lowered limit is passed until runs end. */
  checkLimits(isFastGiven: boolean): void {
    const [counts] = this.read<{ all: number; fast: number }>(
      `SELECT count(*) AS "all", coalesce(sum(q.name = 'fast'), 0) AS fast
         FROM active a JOIN queue q ON q.id = a.queue_id`,
    );
    expect(counts?.all ?? 0).toBeLessThanOrEqual(this.#limits.pool ?? 1000);
    if (isFastGiven) expect(counts?.fast ?? 0).toBeLessThanOrEqual(this.#limits.queue ?? 1000);
  }

  /** What must hold after every step. */
  check(): void {
    expect(this.pool.host.events).toEqual([]);
    const active = this.read<{ worker_name: string | null }>("SELECT worker_name FROM active");
    for (const agent of this.agents)
      if (agent.limit !== null)
        expect(active.filter(({ worker_name }) => worker_name === agent.name).length).toBeLessThanOrEqual(
          agent.limit,
        );
    expect(findPoolFault(this.pool.host.sql)).toBeUndefined();
  }
}

test("whatever happens, limits hold, fences rise, stale calls lose, and every run ends", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 80, size: "max" }), async (steps) => {
      const play = new Play(await createTestPool());
      const { pool } = play;
      await pool.do("create_queue", { name: "fast", priority: 1 });
      await play.beatAll();
      for (const each of steps) {
        await play.apply(each);
        play.check();
      }
      // Nobody is left: the server alone must bring everything that was claimed to an end.
      for (const agent of play.agents) agent.isAlive = false;
      await pool.advance((SESSION_SECONDS + GRACE_SECONDS + 1) * 1000 * 3);
      play.check();
      await pool.advance(301_000);
      play.check();
      expect(play.read("SELECT * FROM active WHERE attempt_id IS NOT NULL")).toEqual([]);
      for (const id of play.runs) {
        const run = await pool.do("read_run", { id });
        expect([
          id,
          run.state_type === "SCHEDULED" || (run.state_type !== null && isTerminal(run.state_type)),
        ]).toEqual([id, true]);
      }
      // A fresh agent finishes what is left.
      await pool.do("update", { is_paused: false, concurrency_limit: null });
      await pool.do("update_queue", { name: "fast", update: { concurrency_limit: null } });
      const session_id = attemptId(0x9999);
      await pool.beat({ name: "last", session_id, limit: null });
      for (let round = 0; round < 6; round += 1) {
        await pool.beat({ name: "last", session_id, limit: null });
        const { claims } = await pool.do("claim", {
          worker_name: "last",
          session_id,
          attempt_ids: Array.from({ length: 60 }, (_, index) => attemptId(0xa000 + round * 100 + index)),
          work_queue_names: [],
        });
        for (const { attempt_id, fence, flow_run } of claims)
          await pool.do("end_attempt", {
            flow_run_id: flow_run.id,
            attempt_id,
            fence,
            exit_code: 0,
            signal: null,
            outcome: "exited",
            sets_own_state: false,
          });
        await pool.advance(20_000);
      }
      for (const id of play.runs) {
        const run = await pool.do("read_run", { id });
        expect([id, run.state_type !== null && isTerminal(run.state_type)]).toEqual([id, true]);
      }
    }),
    { numRuns: 100 },
  );
});
