/** The facade: wires the one-job parts together, does what the server says, and decides when to leave. */
import type { Server } from "node:http";
import type { ClaimAnswer, ClaimedRun, SessionAnswer } from "../src/contract/wire/agents.ts";
import { callAfter, waitAtMost } from "../src/client/backoff.ts";
import { Claiming } from "./claiming.ts";
import { EngineControl } from "./engine-control.ts";
import { detectGpus } from "./gpus.ts";
import { serveHealth } from "./health.ts";
import { SluiceApiError } from "../src/client/errors.ts";
import { Http } from "../src/client/http.ts";
import { LockedError, takeLock } from "./lock.ts";
import { createLog, describeError, type Log } from "./log.ts";
import { resolveSettings, type AgentOptions, type Settings } from "./options.ts";
import { Outbox, type Report } from "./outbox.ts";
import { StartPace } from "./start-pace.ts";
import { PoolFacts } from "./pool-facts.ts";
import { RunSet } from "./run-set.ts";
import { Run, type RunTools } from "./run.ts";
import { AgentRefusedError, Session } from "./session.ts";
import { graceOf, openStateFolder, type StateFolder, type StopTime } from "./state-folder.ts";
import { Watchdog } from "./watchdog.ts";
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

/** A run that the server has given up on owns nothing any more, so it gets little time. */
const GIVEN_UP_GRACE_MS = 10_000;
/** When leaving, the last reports and logs get this long; what is left goes out at the next start. */
const LAST_REPORTS_MS = 15_000;
/** What is to be stopped stands in the answer to a beat; and pings that cannot be sent stand for none. */
const BEAT_REASONS: ReadonlySet<SocketReason> = new Set([
  "cancel",
  "attempt_ended",
  "socket_open",
  "socket_lost",
]);

export class WorkerAgent {
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #http: Http;
  readonly #facts: PoolFacts;
  readonly #control = new EngineControl();
  readonly #claiming: Claiming;
  readonly #socket: WakeSocket;
  readonly #runs = new RunSet(() => this.#claiming.wake("slot_free"));
  readonly #ready = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<AgentExit>();
  /** Somebody has asked to stop again: what did not reach the server stays on disk. */
  readonly #hurried = Promise.withResolvers<void>();
  #isStopping = false;
  #unlock: (() => void) | undefined;
  #state: StateFolder | undefined;
  #outbox: Outbox | undefined;
  #session: Session | undefined;
  #watchdog: Watchdog | undefined;
  #health: Server | undefined;
  #tools: RunTools | undefined;
  /** Flow runs that the last answer asked to cancel, since the claim that is under way was sent. */
  #cancelling = new Set<string>();
  /** Whether the server knows the agent and was not out of reach since. */
  #isRegistered = false;
  #leaving: Promise<void> | undefined;
  #callOffStop: (() => void) | undefined;
  #exit: AgentExit = AGENT_EXIT.done;

  constructor(options: AgentOptions) {
    this.#settings = resolveSettings(options);
    const { apiUrl, authorization, apiKey, authString, pool, version } = this.#settings;
    this.#log = createLog(options.writeLog ?? ((line) => void process.stderr.write(`${line}\n`)), {
      isJson: options.isJsonLog ?? false,
      secrets: [apiKey, authString, authString?.split(":").slice(1).join(":")],
    });
    this.#http = new Http({
      apiUrl,
      headers: { "user-agent": `sluice-worker/${version ?? "0"}`, ...(authorization && { authorization }) },
      // Who calls knows how long it may be tried, and an agent inside of a run speaks for itself.
      retries: 0,
      env: {},
    });
    this.#facts = new PoolFacts(this.#http, pool);
    this.#claiming = new Claiming({
      http: this.#http,
      log: this.#log,
      settings: this.#settings,
      takenCount: () => this.#runs.takenCount,
      current: () => this.#findSession(),
      isSocketHealthy: () => this.#socket.isHealthy,
      onPoolChanged: () => this.#facts.forgetPool(),
      // What was said before this claim is about earlier attempts: a run that was cancelled may have been retried since.
      onAsked: () => this.#cancelling.clear(),
      onAnswer: (answer, sentAt) => this.#take(answer, sentAt),
    });
    this.#socket = new WakeSocket(this.#http, this.#settings, this.#log, (reason) => this.#hear(reason));
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
      this.#watchdog = new Watchdog(this.#state, this.#log);
      if (healthcheckPort !== undefined)
        this.#health = await serveHealth(healthcheckPort, () => this.#session?.isAlive ?? false);
    } catch (error) {
      const text =
        error instanceof LockedError
          ? `Another agent (process ${error.pid}) already works as "${name}" for pool "${pool}" on this host; stop it, or start this one with another --name.`
          : this.#unlock === undefined
            ? `The folder ${stateDir} cannot be used (${describeError(error)}); set SLUICE_HOME or --state-dir to one that can be written.`
            : `The agent cannot start: ${describeError(error)}.`;
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
        isIdle: () =>
          this.#socket.isHealthy && this.#runs.liveCount === 0 && this.#nameOpenAttempts().length === 0,
        knownAttempts: () => this.#runs.attemptIds,
        onAnswer: (answer, known) => this.#obey(answer, known),
        onProlonged: (until) => this.#prolong(until),
        onLost: (until) => this.#loseServer(until),
        onRefused: (error) => this.#refuse(error),
      },
    });
    this.#session.start();
    tools.outbox.resume();
  }

  /** Claims no more, waits for what runs, says goodbye and leaves; stops what still runs after the deadline. */
  drain(reason: string, deadlineMs: number | null = null): void {
    if (this.#leaving === undefined) {
      const count = this.#runs.liveCount;
      const what = count === 0 ? "nothing runs" : `${count} run${count === 1 ? "" : "s"} to finish`;
      this.#log.write("INFO", `${reason}: no more runs are claimed, ${what}.`);
      this.#leaving = this.#leave();
    }
    if (deadlineMs !== null)
      this.#callOffStop ??= callAfter(deadlineMs, () => this.stop("The time to finish is over"));
  }

  /** Stops what runs (TERM, then KILL), reports it and leaves. Called again, it does not wait for anybody. */
  stop(reason: string): void {
    this.#claiming.abort();
    const isRepeated = this.#isStopping;
    this.#isStopping = true;
    if (isRepeated) this.#hurried.resolve();
    if (this.#runs.liveCount > 0) this.#exit = AGENT_EXIT.stopped;
    this.#log.write("WARNING", `${reason}: ${this.#runs.liveCount} running processes are stopped.`);
    this.#runs.stopAll("stopped", isRepeated ? 0 : this.#settings.graceMs);
    this.#leaving ??= this.#leave();
  }

  /** A wake wakes the loop that it concerns. */
  #hear(reason: SocketReason): void {
    if (BEAT_REASONS.has(reason)) this.#session?.beatNow();
    this.#claiming.wake(reason);
  }

  /** Runs are claimed while the server answers and nobody has said to leave. */
  #findSession(): { session: Session; state: StateFolder } | undefined {
    const session = this.#session;
    const state = this.#state;
    if (this.#leaving !== undefined || session?.isAlive !== true || state === undefined) return undefined;
    return { session, state };
  }

  #take(answer: ClaimAnswer, sentAt: number): void {
    // The server is there, so its socket need not wait for its next try.
    this.#socket.open();
    this.#notePaused(answer.reason === "pool_paused");
    const { session_expires_in_seconds } = answer;
    if (answer.claims.length > 0 && session_expires_in_seconds !== undefined)
      this.#session?.renew(sentAt, session_expires_in_seconds);
    for (const claim of answer.claims) this.#begin(claim, sentAt + claim.start_within_seconds * 1000);
    if (this.#settings.isRunOnce && answer.reason !== "deployment_full")
      this.drain("Claimed once what was due");
  }

  #begin(claim: ClaimedRun, startBy: number): void {
    const tools = this.#tools;
    if (tools === undefined || this.#runs.get(claim.attempt_id) !== undefined) return;
    const run = Run.begin(tools, claim, startBy);
    this.#runs.follow(run);
    // Told to leave, or cut off, while the answer of the claim was on its way: the run goes back to its queue.
    if (this.#leaving !== undefined || this.#session?.isAlive !== true) run.stop("stopped", 0);
    // Cancelled while the answer of the claim was on its way.
    if (this.#cancelling.has(run.flowRunId)) this.#runs.stop(run, "cancelled", this.#settings.graceMs);
  }

  #adoptRuns(tools: RunTools): void {
    const ended = new Set(
      tools.outbox
        .load()
        .filter(({ kind }) => kind === "end")
        .map(({ attempt_id }) => attempt_id),
    );
    const records = tools.state.listAttempts((attemptId) => tools.state.removeRun(attemptId));
    // Until the server has answered, what is taken over has the time that the agent before it had.
    if (records.length > 0) this.#watchdog?.start();
    for (const record of records) this.#runs.follow(Run.adopt(tools, record, ended.has(record.attempt_id)));
  }

  /** Does what the server says in its answer to a beat. */
  #obey(answer: SessionAnswer, known: ReadonlySet<string>): void {
    const { name, pool, apiUrl, limit, graceMs } = this.#settings;
    this.#cancelling = new Set(answer.cancelling);
    this.#runs.cancel(this.#cancelling, graceMs);
    for (const attemptId of answer.ended_attempt_ids) {
      const run = this.#runs.get(attemptId);
      // A claim may be answered after the beat that did not know of it yet.
      if (run !== undefined && known.has(attemptId)) this.#runs.stop(run, "given_up", GIVEN_UP_GRACE_MS);
    }
    this.#notePaused(answer.is_pool_paused);
    this.#log.writeOnce(
      "registered",
      "INFO",
      `Worker "${name}" serves work pool "${pool}" at ${apiUrl}${limit === null ? "" : `, up to ${limit} runs at a time`}.`,
    );
    this.#socket.open();
    this.#ready.resolve();
    if (this.#isRegistered) return;
    this.#isRegistered = true;
    this.#claiming.wake("registered");
  }

  #notePaused(isPaused: boolean): void {
    const { pool } = this.#settings;
    const text = `Work pool "${pool}" is paused: it gives no runs until somebody resumes it.`;
    if (isPaused) this.#log.writeOnce("paused", "INFO", text);
    else this.#log.clear("paused", `Work pool "${pool}" is not paused any more.`);
  }

  #prolong(until: StopTime): void {
    this.#watchdog?.start();
    this.#watchdog?.prolong(until);
  }

  #loseServer(until: StopTime): void {
    this.#isRegistered = false;
    if (this.#runs.liveCount === 0) return;
    this.#log.write(
      "ERROR",
      `The server has been silent for too long: ${this.#runs.liveCount} running processes are stopped, because their runs may be given to others.`,
    );
    this.#runs.stopAll("lost", graceOf(until));
  }

  #nameAttempts(): string[] {
    return [...new Set([...this.#nameOpenAttempts(), ...this.#claiming.pendingIds])];
  }

  /** Attempts of which the server has not heard, or not taken in, the end. */
  #nameOpenAttempts(): string[] {
    return [...this.#runs.openAttemptIds, ...(this.#outbox?.attemptIds ?? [])];
  }

  #settle(report: Report, refusal: SluiceApiError | undefined): void {
    const run = this.#runs.get(report.attempt_id);
    if (report.kind === "end") run?.markReported();
    // The claim lapsed, or the run is somebody else's: what was started for it owns nothing.
    if (report.kind === "start" && refusal !== undefined && [404, 409, 410].includes(refusal.status) && run)
      this.#runs.stop(run, "given_up", GIVEN_UP_GRACE_MS);
  }

  #refuse(error: AgentRefusedError): void {
    this.#log.write("ERROR", error.message);
    this.#ready.reject(error);
    this.#exit = AGENT_EXIT.refused;
    this.#claiming.abort();
    // Whoever is refused owns nothing any more.
    this.#runs.stopAll("lost", Math.min(this.#settings.graceMs, GIVEN_UP_GRACE_MS));
    this.#leaving ??= this.#leave();
  }

  /** The order of leaving: no more claims, processes gone, reports out, goodbye, socket, connections, lock. */
  async #leave(): Promise<void> {
    await this.#claiming.close();
    await this.#runs.whenEnded();
    this.#callOffStop?.();
    const runs = this.#runs.all;
    if (this.#outbox !== undefined) {
      const all = Promise.all([this.#outbox.whenEmpty(), ...runs.map((run) => run.done)]);
      const enough = Promise.race([all, this.#hurried.promise]);
      await waitAtMost(enough, this.#exit === AGENT_EXIT.refused ? 0 : LAST_REPORTS_MS);
    }
    const unsent = this.#outbox?.attemptIds.length ?? 0;
    if (unsent > 0)
      this.#log.write(
        "WARNING",
        `The result${unsent === 1 ? " of 1 run" : `s of ${unsent} runs`} did not reach the server; what is unsent is kept in ${this.#settings.stateDir} and sent when this worker starts again.`,
      );
    await this.#session?.end(unsent === 0);
    this.#socket.close();
    this.#outbox?.close();
    await Promise.all(runs.map((run) => run.detach()));
    await this.#watchdog?.close();
    await this.#control.close();
    await this.#http.destroy();
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
      pace: new StartPace(),
      workerId: () => this.#session?.workerId,
    };
    return this.#tools;
  }
}
