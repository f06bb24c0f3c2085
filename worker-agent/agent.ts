/** The facade: wires the one-job parts together and decides when to claim and when to leave. */
import type { Server } from "node:http";
import type { SessionAnswer } from "../src/contract/wire/agents.ts";
import { backoffMs, jitter, waitAtMost } from "./backoff.ts";
import { Claimer } from "./claimer.ts";
import { EngineControl } from "./engine-control.ts";
import { detectGpus } from "./gpus.ts";
import { serveHealth } from "./health.ts";
import { RefusedError, createHttp, describeError, type Http } from "./http.ts";
import { LockedError, takeLock } from "./lock.ts";
import { createLog, type Log } from "./log.ts";
import { resolveSettings, type AgentOptions, type Settings } from "./options.ts";
import { Outbox, type Report } from "./outbox.ts";
import { PoolFacts } from "./pool-facts.ts";
import { Reconciler, type WakeReason } from "./reconcile.ts";
import { Run, type RunTools, type StopReason } from "./run.ts";
import { AgentRefusedError, Session } from "./session.ts";
import { monotonicMs, openStateFolder, type StateFolder } from "./state-folder.ts";
import { WakeSocket, type SocketReason } from "./wake-socket.ts";

/** What an agent's process exits with. */
export const AGENT_EXIT = {
  /** Drained, or `isRunOnce` done: nothing was cut short. */
  done: 0,
  /** The agent cannot work: no such pool, key refused, another agent has the same name here. It said why. */
  refused: 1,
  /** Runs were stopped: a second signal, or the drain's deadline passed. */
  stopped: 2,
} as const;
type AgentExit = (typeof AGENT_EXIT)[keyof typeof AGENT_EXIT];

/** With a healthy socket the poll only guards against a lost wake. */
const POLL_WITH_SOCKET_SECONDS = 60;
/** Runs asked for at a time by an agent without a limit. */
const UNLIMITED_AT_A_TIME = 20;
/** A server that takes no reports for so long does not keep the slot of a run whose process is gone. */
const REPORT_WAIT_MS = 2000;
/** A run that the server has given up on owns nothing any more, so it gets little time. */
const GIVEN_UP_GRACE_MS = 10_000;
/** When leaving, the last reports and logs get this long; what is left goes out at the next start. */
const LAST_REPORTS_MS = 15_000;
const BEAT_REASONS: ReadonlySet<SocketReason> = new Set(["cancel", "attempt_ended", "socket_open"]);
const CLAIM_REASONS: ReadonlySet<WakeReason> = new Set([
  "registered",
  "run_ready",
  "pool_changed",
  "attempt_ended",
  "socket_open",
  "slot_free",
]);

export class WorkerAgent {
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #http: Http;
  readonly #facts: PoolFacts;
  readonly #control = new EngineControl();
  readonly #claimer: Claimer;
  readonly #reconciler: Reconciler;
  readonly #socket: WakeSocket;
  readonly #runs = new Map<string, Run>();
  /** Runs with a process, or about to have one. */
  readonly #live = new Set<Run>();
  /** Runs that take up a slot of the limit. */
  readonly #taken = new Set<Run>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<AgentExit>();
  /** Aborted when nobody may be waited for: the answer of a claim, too. */
  readonly #claiming = new AbortController();
  #unlock: (() => void) | undefined;
  #state: StateFolder | undefined;
  #outbox: Outbox | undefined;
  #session: Session | undefined;
  #health: Server | undefined;
  #tools: RunTools | undefined;
  /** What was asked to stop, and why: each beat's answer repeats it. */
  readonly #stopped = new Set<string>();
  /** Flow runs that the last answer asked to cancel, since the claim that is under way was sent. */
  #cancelling = new Set<string>();
  /** Whether the server knows the agent and was not out of reach since. */
  #isRegistered = false;
  #nextClaimAt = 0;
  #claimFailures = 0;
  #leaving: Promise<void> | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  #exit: AgentExit = AGENT_EXIT.done;

  constructor(options: AgentOptions) {
    this.#settings = resolveSettings(options);
    const { apiUrl, authorization, apiKey, authString, pool } = this.#settings;
    this.#log = createLog(options.writeLog ?? ((line) => void process.stderr.write(`${line}\n`)), {
      isJson: options.isJsonLog ?? false,
      secrets: [apiKey, authString, authString?.split(":").slice(1).join(":")],
    });
    this.#http = createHttp(apiUrl, authorization, `sluice-worker/${this.#settings.version ?? "0"}`);
    this.#facts = new PoolFacts(this.#http, pool);
    this.#claimer = new Claimer(this.#http, this.#settings);
    this.#reconciler = new Reconciler((reasons) => this.#look(reasons));
    this.#socket = new WakeSocket(this.#settings, this.#log, (reason) => this.#hear(reason));
    // Who does not listen must not be struck by the rejection.
    this.#ready.promise.catch(() => undefined);
  }

  /** Resolves when the server knows the agent; rejects when the agent cannot work. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves with one of {@link AGENT_EXIT} when the agent has left. */
  get done(): Promise<number> {
    return this.#done.promise;
  }

  /** The port of the health check, if it is served. */
  get healthPort(): number | undefined {
    const address = this.#health?.address();
    return typeof address === "object" ? address?.port : undefined;
  }

  /** Takes the lock, picks up what an earlier agent left, and registers. */
  async start(): Promise<void> {
    const { stateDir, name, pool, env, healthcheckPort } = this.#settings;
    try {
      this.#state = openStateFolder(stateDir);
      this.#unlock = takeLock(stateDir);
      if (healthcheckPort !== undefined)
        this.#health = await serveHealth(healthcheckPort, () => this.#session?.isAlive ?? false);
    } catch (error) {
      const text =
        error instanceof LockedError
          ? `Another agent (process ${error.pid}) already works as "${name}" for pool "${pool}" on this host; stop it, or start this one with another --name.`
          : `The agent cannot start: ${describeError(error)}; its folder is ${stateDir}.`;
      return this.#refuse(new AgentRefusedError(text));
    }
    const tools = this.#prepareTools(this.#state);
    this.#adoptRuns(tools);
    const gpus = await detectGpus(env);
    if (this.#leaving !== undefined) return;
    this.#session = new Session({
      http: this.#http,
      log: this.#log,
      settings: this.#settings,
      state: this.#state,
      gpus,
      events: {
        namedAttempts: () => this.#nameAttempts(),
        knownAttempts: () => [...this.#runs.keys()],
        onAnswer: (answer, known) => this.#obey(answer, known),
        onLost: (graceMs) => this.#loseServer(graceMs),
        onRefused: (error) => this.#refuse(error),
      },
    });
    this.#session.start();
    tools.outbox.resume();
  }

  /** Claims no more, waits for what runs, says goodbye and leaves; stops what still runs after the deadline. */
  drain(reason: string, deadlineMs: number | null = null): void {
    if (this.#leaving === undefined) {
      const count = this.#live.size;
      const what = count === 0 ? "nothing runs" : `${count} run${count === 1 ? "" : "s"} to finish`;
      this.#log.write("INFO", `${reason}: no more runs are claimed, ${what}.`);
      this.#leaving = this.#leave();
    }
    if (deadlineMs !== null)
      this.#drainTimer ??= setTimeout(() => this.stop("The time to finish is over"), deadlineMs);
  }

  /** Stops what runs (TERM, then KILL), reports it and leaves. Called again, it does not wait for anybody. */
  stop(reason: string): void {
    this.#claiming.abort();
    const isRepeated = this.#exit === AGENT_EXIT.stopped;
    if (this.#live.size > 0) this.#exit = AGENT_EXIT.stopped;
    this.#log.write("WARNING", `${reason}: ${this.#live.size} running processes are stopped.`);
    this.#stopAll("stopped", isRepeated ? 0 : this.#settings.graceMs);
    this.#leaving ??= this.#leave();
  }

  /** A wake wakes the loop that it concerns: what is to be stopped stands in the answer to a beat. */
  #hear(reason: SocketReason): void {
    if (BEAT_REASONS.has(reason)) this.#session?.beatNow();
    this.#reconciler.wake(reason);
  }

  /** One look: takes note of what changed, and claims when there is a reason and room. */
  async #look(reasons: ReadonlySet<WakeReason>): Promise<number> {
    const session = this.#session;
    if (reasons.has("pool_changed")) this.#facts.forgetPool();
    if (reasons.has("socket_lost"))
      this.#nextClaimAt = Math.min(this.#nextClaimAt, monotonicMs() + this.#pollMs());
    if (this.#leaving !== undefined || session?.isAlive !== true) return this.#pollMs();
    const isWanted = [...reasons].some((reason) => CLAIM_REASONS.has(reason));
    if (isWanted || monotonicMs() >= this.#nextClaimAt) {
      this.#nextClaimAt = monotonicMs() + this.#pollMs();
      await this.#claim(session);
    }
    return Math.max(50, this.#nextClaimAt - monotonicMs());
  }

  async #claim(session: Session): Promise<void> {
    const { limit, isRunOnce } = this.#settings;
    const taken = this.#taken.size + this.#claimer.pendingIds.length;
    const free = limit === null ? UNLIMITED_AT_A_TIME : limit - taken;
    if (free <= 0 && this.#claimer.pendingIds.length === 0) return;
    const sentAt = monotonicMs();
    // What was said before this claim is about earlier attempts: a run that was cancelled may have been retried since.
    if (this.#claimer.pendingIds.length === 0) this.#cancelling.clear();
    try {
      const { answer, asked } = await this.#claimer.claim(free, session.id, this.#claiming.signal);
      this.#log.clear("claim", "Claims work again.");
      this.#claimFailures = 0;
      // The server is there, so its socket need not wait for its next try.
      this.#socket.open();
      for (const claim of answer.claims) this.#begin(claim, sentAt + claim.start_within_seconds * 1000);
      if (isRunOnce) return this.drain("Claimed once what was due");
      if (answer.claims.length === asked) this.#reconciler.wake("slot_free");
      else if (answer.next_due_in_seconds !== null)
        this.#nextClaimAt = Math.min(this.#nextClaimAt, monotonicMs() + answer.next_due_in_seconds * 1000);
    } catch (error) {
      if (this.#claiming.signal.aborted) return;
      this.#claimFailures += 1;
      this.#log.writeOnce("claim", "WARNING", `No runs can be claimed: ${describeError(error)}`);
      if (error instanceof RefusedError && !error.isRetryable) session.beatNow();
      this.#nextClaimAt = monotonicMs() + backoffMs(this.#claimFailures, { maxMs: 10_000 });
    }
  }

  #begin(claim: Parameters<typeof Run.begin>[1], startBy: number): void {
    const tools = this.#tools;
    if (tools === undefined || this.#runs.has(claim.attempt_id)) return;
    const run = Run.begin(tools, claim, startBy);
    this.#follow(run);
    // Claimed while the agent was told to leave: the run goes back to its queue.
    if (this.#leaving !== undefined) run.stop("stopped", 0);
    // Cancelled while the answer of the claim was on its way.
    if (this.#cancelling.has(run.flowRunId)) this.#stopRun(run, "cancelled", this.#settings.graceMs);
  }

  #adoptRuns(tools: RunTools): void {
    const ended = new Set(
      tools.outbox
        .load()
        .filter(({ kind }) => kind === "end")
        .map(({ attempt_id }) => attempt_id),
    );
    for (const record of tools.state.listAttempts())
      this.#follow(Run.adopt(tools, record, ended.has(record.attempt_id)));
  }

  #follow(run: Run): void {
    this.#runs.set(run.attemptId, run);
    this.#live.add(run);
    this.#taken.add(run);
    void this.#freeSlot(run);
    void run.done.then(() => this.#runs.delete(run.attemptId));
  }

  /** The slot is free when the server knows of the end, too: before that it would count the next run beside this one. */
  async #freeSlot(run: Run): Promise<void> {
    await run.ended;
    this.#live.delete(run);
    await waitAtMost(run.reported, REPORT_WAIT_MS);
    this.#taken.delete(run);
    this.#reconciler.wake("slot_free");
  }

  /** Does what the server says in its answer to a beat. */
  #obey(answer: SessionAnswer, known: ReadonlySet<string>): void {
    const { name, pool, apiUrl, limit, graceMs } = this.#settings;
    this.#cancelling = new Set(answer.cancelling);
    for (const run of this.#live)
      if (this.#cancelling.has(run.flowRunId)) this.#stopRun(run, "cancelled", graceMs);
    for (const attemptId of answer.ended_attempt_ids) {
      const run = this.#runs.get(attemptId);
      // A claim may be answered after the beat that did not know of it yet.
      if (run !== undefined && known.has(attemptId)) this.#stopRun(run, "given_up", GIVEN_UP_GRACE_MS);
    }
    if (answer.is_pool_paused)
      this.#log.writeOnce(
        "paused",
        "INFO",
        `Work pool "${pool}" is paused: it gives no runs until somebody resumes it.`,
      );
    else this.#log.clear("paused", `Work pool "${pool}" is not paused any more.`);
    this.#log.writeOnce(
      "registered",
      "INFO",
      `Worker "${name}" serves work pool "${pool}" at ${apiUrl}${limit === null ? "" : `, up to ${limit} runs at a time`}.`,
    );
    this.#socket.open();
    this.#ready.resolve();
    if (this.#isRegistered) return;
    this.#isRegistered = true;
    this.#reconciler.wake("registered");
  }

  #stopRun(run: Run, reason: StopReason, graceMs: number): void {
    const key = `${run.attemptId} ${reason}`;
    if (this.#stopped.has(key)) return;
    this.#stopped.add(key);
    void run.done.then(() => this.#stopped.delete(key));
    run.stop(reason, graceMs);
  }

  #stopAll(reason: StopReason, graceMs: number): void {
    for (const run of this.#live) run.stop(reason, graceMs);
  }

  #loseServer(graceMs: number): void {
    this.#isRegistered = false;
    if (this.#live.size === 0) return;
    this.#log.write(
      "ERROR",
      `The server has been silent for too long: ${this.#live.size} running processes are stopped, because their runs may be given to others.`,
    );
    this.#stopAll("lost", graceMs);
  }

  #nameAttempts(): string[] {
    const open = [...this.#runs.values()].filter((run) => run.isOpen).map((run) => run.attemptId);
    return [...new Set([...open, ...this.#claimer.pendingIds, ...(this.#outbox?.attemptIds ?? [])])];
  }

  #settle(report: Report, refusal: RefusedError | undefined): void {
    const run = this.#runs.get(report.attempt_id);
    if (report.kind === "end") run?.markReported();
    // The claim lapsed, or the run is somebody else's: what was started for it owns nothing.
    if (report.kind === "start" && refusal !== undefined && [404, 409, 410].includes(refusal.status) && run)
      this.#stopRun(run, "given_up", GIVEN_UP_GRACE_MS);
  }

  #refuse(error: AgentRefusedError): void {
    this.#log.write("ERROR", error.message);
    this.#ready.reject(error);
    this.#exit = AGENT_EXIT.refused;
    this.#claiming.abort();
    this.#stopAll("lost", this.#settings.graceMs);
    this.#leaving ??= this.#leave();
  }

  /** The order of leaving: no more claims, processes gone, reports out, goodbye, socket, connections, lock. */
  async #leave(): Promise<void> {
    await this.#reconciler.close();
    while (this.#live.size > 0) await Promise.all([...this.#live].map((run) => run.ended));
    clearTimeout(this.#drainTimer);
    const runs = [...this.#runs.values()];
    if (this.#outbox !== undefined) {
      const all = Promise.all([this.#outbox.whenEmpty(), ...runs.map((run) => run.done)]);
      await waitAtMost(all, this.#exit === AGENT_EXIT.refused ? 0 : LAST_REPORTS_MS);
    }
    const unsent = this.#outbox?.attemptIds.length ?? 0;
    if (unsent > 0)
      this.#log.write(
        "WARNING",
        `The results of ${unsent} runs did not reach the server; they are kept in ${this.#settings.stateDir} and sent when this worker starts again.`,
      );
    await this.#session?.end(unsent === 0);
    this.#socket.close();
    this.#outbox?.close();
    await Promise.all(runs.map((run) => run.detach()));
    await this.#control.close();
    await this.#http.close();
    this.#health?.close();
    this.#unlock?.();
    if (this.#exit !== AGENT_EXIT.refused) this.#log.write("INFO", "The worker has left.");
    this.#ready.reject(new AgentRefusedError("The agent has left."));
    this.#done.resolve(this.#exit);
  }

  #prepareTools(state: StateFolder): RunTools {
    const outbox = new Outbox(state.outbox, this.#http, this.#log, {
      onSettled: (report, refusal) => this.#settle(report, refusal),
      mayDeliver: async (report) => {
        if (report.kind === "end") await this.#runs.get(report.attempt_id)?.whenLogsSettled();
      },
    });
    this.#outbox = outbox;
    this.#tools = {
      http: this.#http,
      log: this.#log,
      settings: this.#settings,
      state,
      outbox,
      facts: this.#facts,
      control: this.#control,
      workerId: () => this.#session?.workerId,
    };
    return this.#tools;
  }

  #pollMs(): number {
    const { pollSeconds } = this.#settings;
    return jitter(
      1000 * (this.#socket.isHealthy ? Math.max(pollSeconds, POLL_WITH_SOCKET_SECONDS) : pollSeconds),
    );
  }
}
