/** Our agent, as `worker-agent/README.md` says what must stay true of it: session, claims, runs, reports, restarts. */
import type { Refusal, Result } from "../../src/contract/errors.ts";
import { marginOfSession } from "../../src/contract/margins.ts";
import type { ClaimedRun, SessionAnswer } from "../../src/contract/wire/agents.ts";
import { Bell } from "./bell.ts";
import type { FlowMaker } from "./flows.ts";
import { type AttemptRecord, type Exit, type Folder, type Report, SimHost } from "./hosts.ts";
import type { SimPool } from "./pools.ts";
import { SimProcess } from "./process.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

export interface AgentPlan {
  name: string;
  /** Runs at a time. */
  limit: number;
  session_seconds: number;
  /** Without an open socket. */
  poll_ms: number;
  clock: { skew_ms: number; rate: number };
}

const GRACE_MS = 5000;
const REPORT_WAIT_MS = 2000;
const POLL_WITH_SOCKET_MS = 60_000;
const POLL_TEMPO_MAX = 10;
const DOWN_FOR_MS = [1000, 600_000] as const;

/** One agent over all its lives on one host. */
export class SimAgent {
  readonly plan: AgentPlan;
  readonly host: SimHost;
  readonly #world: World;
  readonly #pool: SimPool;
  readonly #makeFlow: FlowMaker;
  readonly #random: Random;
  #lives = 0;
  /** No more claims; what runs ends, and then it says goodbye. */
  isStopping = false;

  constructor(world: World, pool: SimPool, makeFlow: FlowMaker, plan: AgentPlan) {
    [this.#world, this.#pool, this.#makeFlow, this.plan] = [world, pool, makeFlow, plan];
    this.host = new SimHost(world, plan.name, plan.clock);
    this.#random = world.random(`agent ${plan.name}`);
  }

  start(): void {
    this.#lives += 1;
    const process = new SimProcess(this.#world, `${this.plan.name}.${this.#lives}`, this.plan.clock);
    const life = new AgentLife(
      { world: this.#world, pool: this.#pool, random: this.#random, makeFlow: this.#makeFlow },
      this,
      process,
    );
    life.start();
  }

  /** Dies here if it is to; its runs live on unless the whole machine goes down. */
  mayDie(process: SimProcess): boolean {
    const { faults } = this.#world;
    const down = faults.strike("host_down");
    let again_ms = down?.magnitude(...this.#world.stretch(DOWN_FOR_MS));
    if (down !== undefined) {
      process.kill();
      this.host.goDown();
    } else again_ms = process.mayFail((ms) => this.host.freeze(ms));
    if (again_ms === undefined) return false;
    this.#startLater(again_ms);
    return true;
  }

  /** The server has refused it: somebody starts it again. */
  startLater(): void {
    this.#startLater(this.#random.magnitude(1000, 60_000));
  }

  #startLater(ms: number): void {
    this.#world.timeline.after(ms, () => {
      if (this.#world.faults.strike("fresh_folder") !== undefined) this.host.useFreshFolder();
      this.start();
    });
  }
}

interface Tools {
  world: World;
  pool: SimPool;
  random: Random;
  makeFlow: FlowMaker;
}

class AgentLife {
  readonly #tools: Tools;
  readonly #agent: SimAgent;
  readonly #process: SimProcess;
  readonly #folder: Folder;
  readonly #beatBell = new Bell();
  readonly #claimBell = new Bell();
  /** Runs that take up a slot. */
  readonly #taken = new Set<string>();
  #pending: string[] = [];
  #cancelling = new Set<string>();
  #hasAnswered = false;
  #isSocketOpen = false;
  #nextBeatAt = 0;
  #idlePollMs = 0;
  #isOver = false;

  constructor(tools: Tools, agent: SimAgent, process: SimProcess) {
    [this.#tools, this.#agent, this.#process] = [tools, agent, process];
    this.#folder = agent.host.folder;
  }

  start(): void {
    const { records, outbox } = this.#folder;
    for (const record of records.values()) this.#adopt(record);
    for (const attempt_id of outbox.keys()) this.#spawn(() => this.#deliver(attempt_id));
    this.#spawn(() => this.#beats());
    this.#spawn(() => this.#claims());
  }

  #spawn(body: () => Promise<void>): void {
    this.#tools.world.spawn(this.#process.name, body);
  }

  #adopt(record: AttemptRecord): void {
    const hasEnded = this.#folder.outbox.get(record.attempt_id)?.some(({ kind }) => kind === "end") === true;
    if (hasEnded) return;
    this.#taken.add(record.attempt_id);
    if (record.process === undefined) this.#reportEnd(record, null, "not_started");
    else this.#spawn(() => this.#supervise(record));
  }

  get #isAlive(): boolean {
    return this.#hasAnswered && (this.#process.now < this.#folder.stop_at || this.#isQuiet);
  }

  async #beats(): Promise<void> {
    const { pool } = this.#tools;
    const { name, limit, session_seconds } = this.#agent.plan;
    const process = this.#process;
    for (let failures = 0; !this.#isOver;) {
      const sent_at = process.now;
      const known = new Set(this.#folder.records.keys());
      const beat = {
        name,
        session_id: this.#folder.session_id,
        session_seconds,
        process: { host: name, pid: 1, started_at: "" },
        limit,
        work_queue_names: [],
        labels: {},
        gpus: [],
        attempt_ids: this.#nameAttempts(),
      };
      const answer = await pool.ask(process, "beat", beat, process.trueMs((session_seconds * 1000) / 6));
      if (this.#isOver || this.#agent.mayDie(process)) return;
      if (answer?.ok === true) {
        failures = 0;
        this.#obey(answer.value, sent_at, known);
        await this.#waitUntilDue();
      } else if (answer?.ok === false && isFinal(answer.error)) {
        this.#refuse();
        return;
      } else {
        failures += 1;
        await this.#beatBell.wait(process, backoff(failures));
      }
    }
  }

  #nameAttempts(): string[] {
    return [...new Set([...this.#folder.records.keys(), ...this.#pending, ...this.#folder.outbox.keys()])];
  }

  async #waitUntilDue(): Promise<void> {
    while (!this.#isOver) {
      const left_ms = this.#nextBeatAt - this.#process.now;
      if (left_ms <= 0 && !this.#isQuiet) return;
      if (await this.#beatBell.wait(this.#process, left_ms > 0 ? left_ms : this.#pollMs())) return;
    }
  }

  /** Nothing to beat for: the pings of its socket do. */
  get #isQuiet(): boolean {
    const isIdle = this.#folder.records.size === 0 && this.#folder.outbox.size === 0;
    return (
      this.#idlePollMs > 0 && isIdle && this.#isSocketOpen && this.#tools.pool.isConnected(this.#process)
    );
  }

  #prolong(sent_at: number, life_ms: number): void {
    const end_at = sent_at + life_ms;
    const stop_at = end_at - 1000 * marginOfSession(life_ms / 1000);
    this.#agent.host.prolong(this.#folder, stop_at, end_at);
    this.#nextBeatAt = Math.max(this.#process.now + 100, sent_at + life_ms * 0.52);
  }

  /** Does what the server says. */
  #obey(answer: SessionAnswer, sent_at: number, known: ReadonlySet<string>): void {
    this.#idlePollMs = (answer.idle_poll_seconds ?? 0) * 1000;
    this.#prolong(sent_at, answer.expires_in_seconds * 1000);
    const wasAlive = this.#hasAnswered;
    this.#hasAnswered = true;
    this.#cancelling = new Set(answer.cancelling);
    for (const record of this.#folder.records.values()) {
      if (this.#cancelling.has(record.flow_run_id)) this.#stop(record, "cancelled");
      if (answer.ended_attempt_ids.includes(record.attempt_id) && known.has(record.attempt_id))
        this.#giveUp(record);
    }
    this.#openSocket();
    if (!wasAlive) this.#claimBell.ring();
  }

  #stop(record: AttemptRecord, reason: "cancelled" | "given_up"): void {
    if (record.stopReason !== undefined && reason !== "given_up") return;
    this.#agent.host.stop(record, reason, GRACE_MS);
  }

  /** The server has ended the attempt and wants to hear nothing more of it. */
  #giveUp(record: AttemptRecord): void {
    if (record.stopReason === "given_up") return;
    this.#stop(record, "given_up");
    this.#folder.outbox.delete(record.attempt_id);
    if (record.hasExited || record.process === undefined) this.#forget(record);
  }

  #forget({ attempt_id }: AttemptRecord): void {
    this.#folder.records.delete(attempt_id);
    this.#taken.delete(attempt_id);
    this.#claimBell.ring();
  }

  #openSocket(): void {
    // Between two beats its pings have told whether the other end is there.
    if (this.#isSocketOpen && this.#tools.pool.isConnected(this.#process)) return;
    this.#isSocketOpen = true;
    const hear = (body: () => void) => void this.#process.hear(Promise.resolve()).then(body);
    this.#tools.pool.connect(this.#process, this.#agent.plan.name, {
      onWake: (reason) =>
        hear(() => {
          if (reason === "cancel" || reason === "attempt_ended") this.#beatBell.ring();
          this.#claimBell.ring();
        }),
      onClose: () =>
        hear(() => {
          this.#isSocketOpen = false;
          this.#beatBell.ring();
        }),
    });
  }

  async #claims(): Promise<void> {
    const { pool, random } = this.#tools;
    const { limit, name } = this.#agent.plan;
    const process = this.#process;
    for (let failures = 0; !this.#isOver;) {
      await this.#claimBell.wait(process, failures > 0 ? backoff(failures) : this.#pollMs());
      if (this.#isOver) return;
      if (this.#agent.isStopping && this.#pending.length === 0) {
        if (await this.#leave()) return;
        continue;
      }
      const free = limit - this.#taken.size - this.#pending.length;
      if (!this.#isAlive || (free <= 0 && this.#pending.length === 0)) continue;
      if (this.#pending.length === 0) {
        this.#cancelling.clear();
        this.#pending = Array.from({ length: free }, () => random.uuid());
      }
      const attempt_ids = [...this.#pending];
      const sent_at = process.now;
      const answer = await pool.ask(process, "claim", {
        worker_name: name,
        session_id: this.#folder.session_id,
        attempt_ids,
        work_queue_names: [],
      });
      if (this.#isOver || this.#agent.mayDie(process)) return;
      if (answer?.ok === true) {
        failures = 0;
        this.#pending = [];
        const { claims, session_expires_in_seconds: seconds } = answer.value;
        if (claims.length > 0 && seconds !== undefined) {
          this.#prolong(sent_at, seconds * 1000);
          this.#beatBell.nudge();
        }
        this.#take(claims, attempt_ids, sent_at);
        continue;
      }
      failures += 1;
      const code = answer?.error.code;
      if (answer?.ok === false && isFinal(answer.error) && code !== "gone" && code !== "conflict")
        this.#pending = [];
      if (code === "gone") this.#beatBell.ring();
    }
  }

  /** With an open socket the poll only guards against a lost wake, and a slow world can wait for it. */
  #pollMs(): number {
    const { poll_ms } = this.#agent.plan;
    if (!this.#isSocketOpen) return poll_ms;
    const poll_with_socket_ms = this.#isQuiet ? this.#idlePollMs : POLL_WITH_SOCKET_MS;
    return poll_with_socket_ms * Math.min(this.#tools.world.tempo, POLL_TEMPO_MAX);
  }

  /** Leaves when nothing runs and everything is reported. */
  async #leave(): Promise<boolean> {
    if (this.#folder.records.size > 0 || this.#folder.outbox.size > 0 || !this.#hasAnswered) return false;
    const { name } = this.#agent.plan;
    const { session_id } = this.#folder;
    const answer = await this.#tools.pool.ask(this.#process, "end_session", { name, session_id });
    this.#isOver = answer?.ok === true;
    return this.#isOver;
  }

  #take(claims: readonly ClaimedRun[], asked: readonly string[], sent_at: number): void {
    const { world } = this.#tools;
    if (claims.length > asked.length)
      world.fail("I1", "more runs were given than attempts asked for", claims);
    for (const claim of claims) {
      if (!asked.includes(claim.attempt_id))
        world.fail("I3", "an attempt was given that nobody asked for", { claim, asked });
      if (this.#folder.records.has(claim.attempt_id)) continue;
      const record = SimHost.record(claim, this.#tools.makeFlow.isEngine(claim));
      this.#folder.records.set(claim.attempt_id, record);
      this.#taken.add(claim.attempt_id);
      // Cut off while the answer of the claim was on its way: the run goes back to its queue.
      if (!this.#isAlive) record.stopReason = "stopped";
      if (this.#cancelling.has(record.flow_run_id)) record.stopReason = "cancelled";
      const start_by = sent_at + claim.start_within_seconds * 1000;
      this.#spawn(() => this.#begin(claim, record, start_by));
    }
  }

  async #begin(claim: ClaimedRun, record: AttemptRecord, start_by: number): Promise<void> {
    const { makeFlow, random } = this.#tools;
    await this.#process.sleep(random.magnitude(1, 20_000));
    if (this.#agent.mayDie(this.#process)) return;
    // Nobody who is frozen begins anything.
    await this.#process.hear(Promise.resolve());
    if (record.stopReason === "given_up") return;
    if (record.stopReason !== undefined) {
      this.#reportEnd(record, null, record.stopReason === "cancelled" ? "cancelled" : "not_started");
      return;
    }
    if (this.#process.now >= start_by) {
      this.#reportEnd(record, null, "not_started");
      return;
    }
    makeFlow.spawn(this.#agent.host, claim, record);
    this.#report(record, {
      kind: "start",
      command: { infrastructure_pid: "1", sets_own_state: record.isEngine },
    });
    await this.#supervise(record);
  }

  async #supervise(record: AttemptRecord): Promise<void> {
    const exit = await this.#process.hear(record.exited.promise);
    if (record.stopReason === "given_up") {
      this.#forget(record);
      return;
    }
    const isStopped = record.stopReason !== undefined && exit?.signal !== undefined && exit.signal !== null;
    const outcome =
      exit === null || (isStopped && record.stopReason !== "cancelled")
        ? "lost"
        : isStopped
          ? "cancelled"
          : "exited";
    this.#reportEnd(record, exit, outcome);
  }

  #reportEnd(record: AttemptRecord, exit: Exit, outcome: string): void {
    const { attempt_id } = record;
    this.#report(record, {
      kind: "end",
      command: {
        exit_code: exit?.exit_code ?? null,
        signal: exit?.signal ?? null,
        outcome,
        sets_own_state: record.isEngine,
        message: null,
      },
    });
    this.#spawn(async () => {
      await this.#process.sleep(REPORT_WAIT_MS);
      this.#taken.delete(attempt_id);
      this.#claimBell.ring();
    });
  }

  #report(record: AttemptRecord, report: Report): void {
    const { attempt_id, flow_run_id, fence } = record;
    const queue = this.#folder.outbox.get(attempt_id);
    const full = { ...report, command: { ...report.command, attempt_id, flow_run_id, fence } };
    if (queue !== undefined) {
      queue.push(full);
      return;
    }
    this.#folder.outbox.set(attempt_id, [full]);
    this.#spawn(() => this.#deliver(attempt_id));
  }

  async #deliver(attempt_id: string): Promise<void> {
    const { pool } = this.#tools;
    const { outbox, records } = this.#folder;
    for (let failures = 0; ;) {
      const next = outbox.get(attempt_id)?.[0];
      if (next === undefined) break;
      const answer = (await pool.ask(
        this.#process,
        next.kind === "start" ? "start_attempt" : "end_attempt",
        next.command as never,
      )) as Result<unknown> | undefined;
      if (this.#agent.mayDie(this.#process)) return;
      if (answer === undefined || (!answer.ok && !isFinal(answer.error))) {
        failures += 1;
        await this.#process.sleep(backoff(failures));
        continue;
      }
      failures = 0;
      const queue = outbox.get(attempt_id);
      if (queue?.[0] === next) queue.shift();
      const record = records.get(attempt_id);
      if (record === undefined) continue;
      if (next.kind === "end") this.#forget(record);
      else if (!answer.ok) this.#giveUp(record);
    }
    if (outbox.get(attempt_id)?.length === 0) outbox.delete(attempt_id);
  }

  /** Whoever is refused owns nothing any more, leaves, and is started again. */
  #refuse(): void {
    this.#isOver = true;
    for (const record of this.#folder.records.values()) this.#agent.host.stop(record, "lost", GRACE_MS);
    this.#process.kill();
    this.#agent.startLater();
  }
}

function isFinal({ code }: Refusal): boolean {
  return code !== "unavailable" && code !== "overloaded" && code !== "locked";
}

function backoff(failures: number): number {
  return Math.min(10_000, 500 * 2 ** Math.min(failures, 6));
}
