/** The life of one attempt on this host: prepare, spawn, watch, stop, report. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  RUN_IDENTITY_HEADER,
  formatRunIdentity,
  type AttemptEnd,
  type AttemptStart,
  type ClaimedRun,
} from "../src/contract/wire/agents.ts";
import { backoffMs, pause, waitAtMost } from "./backoff.ts";
import { stopProcesses } from "./cancel.ts";
import type { EngineControl } from "./engine-control.ts";
import { explainStatus, readShimStatus, type ExitStatus } from "./exit-status.ts";
import { RefusedError, describeError, type Http } from "./http.ts";
import { JobError, prepareJob, type Job, type JobKind } from "./job.ts";
import { LogShipper } from "./log-shipper.ts";
import type { Log } from "./log.ts";
import type { Settings } from "./options.ts";
import type { Outbox } from "./outbox.ts";
import type { PoolFacts } from "./pool-facts.ts";
import { endGroup } from "./process-group.ts";
import { hasInEnvironment, isGroupAlive, readStartMark } from "./process-identity.ts";
import { spawnJob } from "./spawn.ts";
import {
  monotonicMs,
  readExitCode,
  readShimPid,
  type AttemptRecord,
  type StateFolder,
} from "./state-folder.ts";

/** Processes that the command leaves behind get this long between TERM and KILL. */
const LEFTOVER_GRACE_MS = 5000;
/** The end is reported without the last logs when these do not get through for so long. */
const LAST_LOGS_MS = 10_000;
const LOOK_MS = 200;

/**
 * `cancelled`: somebody asked for it. `lost`: the server was away for too long. `stopped`: the agent is stopped.
 * `given_up`: the server has ended the attempt already and wants no report.
 */
export type StopReason = "cancelled" | "lost" | "stopped" | "given_up";

/** What a run uses of the agent. */
export interface RunTools {
  http: Http;
  log: Log;
  settings: Settings;
  state: StateFolder;
  outbox: Outbox;
  facts: PoolFacts;
  control: EngineControl;
  workerId: () => string | undefined;
}

export class Run {
  readonly attemptId: string;
  readonly flowRunId: string;
  readonly #tools: RunTools;
  readonly #folder: string;
  readonly #hurry = new AbortController();
  readonly #stopping = new AbortController();
  #record: AttemptRecord;
  #stopReason: StopReason | undefined;
  #graceMs = 0;
  #wasSignalled = false;
  /** Monotonic; processes that were taken over count as old. */
  #spawnedAt = -Infinity;
  #isDetached = false;
  #isSettled = false;
  #shipper: LogShipper | undefined;
  readonly #logsSent = Promise.withResolvers<void>();
  readonly #reported = Promise.withResolvers<void>();
  /** Resolves when no process of the run is left: its slot is free. */
  readonly ended: Promise<void>;
  /** Resolves when the server knows the end and has the logs, and the run's folder is gone. */
  readonly done: Promise<void>;

  private constructor(tools: RunTools, record: AttemptRecord, live: (run: Run) => Promise<void>) {
    this.#tools = tools;
    this.#record = record;
    this.attemptId = record.attempt_id;
    this.flowRunId = record.flow_run_id;
    this.#folder = tools.state.runPath(record.attempt_id);
    // Not before the caller has the run in hand: the first report may go out at once.
    this.ended = Promise.resolve()
      .then(() => live(this))
      .catch((error: unknown) => this.#giveUp(error));
    this.done = this.#finish();
  }

  /** Takes on a run that was just claimed; `startBy` is when the claim lapses, by the monotonic clock. */
  static begin(tools: RunTools, claim: ClaimedRun, startBy: number): Run {
    const record: AttemptRecord = {
      attempt_id: claim.attempt_id,
      flow_run_id: claim.flow_run.id,
      flow_run_name: claim.flow_run.name,
      fence: claim.fence,
      kind: "command",
      pgid: null,
      start_mark: null,
    };
    tools.state.makeRun(claim.attempt_id);
    tools.state.saveAttempt(record);
    return new Run(tools, record, (run) => run.#start(claim, startBy));
  }

  /** Goes on with an attempt that an earlier agent left in the state folder. */
  static adopt(tools: RunTools, record: AttemptRecord, isEndReported: boolean): Run {
    return new Run(tools, record, async (run) => (isEndReported ? run.#ship() : run.#resume()));
  }

  /** Stops the run's processes: TERM, then KILL after `graceMs`. A later call can only shorten the grace. */
  stop(reason: StopReason, graceMs: number): void {
    if (this.#stopReason === undefined || reason === "given_up") this.#stopReason = reason;
    if (reason === "given_up") {
      this.#tools.outbox.drop(this.attemptId);
      this.markReported();
    }
    if (!this.#stopping.signal.aborted) {
      this.#graceMs = graceMs;
      this.#stopping.abort();
      return;
    }
    const { signal } = this.#hurry;
    void pause(graceMs, signal).then(() => this.#hurry.abort());
  }

  /** Resolves when the server has answered the end report, or none is wanted. */
  get reported(): Promise<void> {
    return this.#reported.promise;
  }

  /** Whether the server may still have a say: its end is not answered yet. */
  get isOpen(): boolean {
    return !this.#isSettled;
  }

  /** Resolves when the end may be reported: its logs are there, or have had their time. */
  async whenLogsSettled(): Promise<void> {
    await waitAtMost(this.#logsSent.promise, LAST_LOGS_MS);
  }

  /** The server has answered the end report, or will never get one. */
  markReported(): void {
    this.#isSettled = true;
    this.#reported.resolve();
  }

  /** Leaves the run as it is, for the next agent: nothing is stopped, nothing more is sent. */
  async detach(): Promise<void> {
    this.#isDetached = true;
    await this.#shipper?.close();
  }

  async #start(claim: ClaimedRun, startBy: number): Promise<void> {
    if (this.#stopReason !== undefined) return this.#endUnstarted();
    let job: Job;
    try {
      job = await this.#prepare(claim, startBy);
    } catch (error) {
      if (this.#stopReason !== undefined) return this.#endUnstarted();
      if (!(error instanceof JobError)) throw error;
      return this.#report({ exit_code: error.exitCode, signal: null }, "exited", error.message);
    }
    if (this.#stopReason !== undefined) return this.#endUnstarted();
    if (monotonicMs() >= startBy) {
      this.#stopReason = "given_up";
      this.#log("WARNING", "was not started: its claim lapsed before it was prepared");
      return;
    }
    writeFileSync(join(this.#folder, "parameters.json"), JSON.stringify(claim.flow_run.parameters), {
      mode: 0o600,
    });
    this.#save({ kind: job.kind });
    let spawned;
    try {
      const channel = job.kind === "engine" ? await this.#tools.control.admit(this.attemptId) : {};
      spawned = await spawnJob({ ...job, env: { ...job.env, ...channel } }, this.#folder);
    } catch (error) {
      const message = `The process could not be started (${describeError(error)}); look at the limits of worker "${this.#tools.settings.name}" (processes, memory, open files)`;
      return this.#report({ exit_code: 126, signal: null }, "exited", message);
    }
    this.#spawnedAt = monotonicMs();
    this.#save({ kind: job.kind, pgid: spawned.pgid, start_mark: spawned.startMark });
    this.#log("INFO", `started: pid ${spawned.pgid}`);
    this.#reportStart(spawned.pgid, job.kind);
    this.#ship();
    await this.#supervise(spawned.pgid, spawned.exited);
  }

  /** Reads what the job needs until it is there; gives up when the claim lapses or the run is stopped. */
  async #prepare(claim: ClaimedRun, startBy: number): Promise<Job> {
    const { facts, settings, log, workerId } = this.#tools;
    const { deployment_id } = claim.flow_run;
    for (let failures = 1; ; failures += 1) {
      try {
        const [base_job_template, deployment] = await Promise.all([
          facts.readTemplate(),
          deployment_id === null ? undefined : facts.readDeployment(deployment_id),
        ]);
        return await prepareJob({
          claim,
          deployment,
          base_job_template,
          worker_id: workerId(),
          folder: this.#folder,
          settings,
          readVariable: (name) => facts.readVariable(name),
        });
      } catch (error) {
        if (error instanceof JobError) throw error;
        if (error instanceof RefusedError && error.status === 404)
          throw new JobError(
            "The run's deployment or work pool does not exist any more; deploy it again, or cancel the run",
          );
        const delay = backoffMs(failures, { maxMs: 5000 });
        if (this.#stopReason !== undefined || monotonicMs() + delay >= startBy)
          throw new JobError(`The run could not be prepared: ${describeError(error)}`);
        log.writeOnce(`prepare ${this.attemptId}`, "WARNING", `A run waits: ${describeError(error)}`);
        await pause(delay, this.#stopping.signal);
      }
    }
  }

  /** Watches the group until nothing of it is left, then reports how its leader ended. */
  async #supervise(
    pgid: number,
    leader: Promise<{ code: number | null; signal: NodeJS.Signals | null }>,
  ): Promise<void> {
    let isOver = false;
    const over = leader.then((status) => {
      isOver = true;
      return status;
    });
    await Promise.race([over, aborted(this.#stopping.signal)]);
    if (!isOver) {
      this.#wasSignalled = true;
      const end = await stopProcesses(
        {
          attemptId: this.attemptId,
          pgid,
          ageMs: monotonicMs() - this.#spawnedAt,
          graceMs: this.#graceMs,
          isCancel: this.#stopReason === "cancelled",
          hurry: this.#hurry.signal,
        },
        this.#tools.control,
      );
      if (end === "survived") this.#log("ERROR", `does not end, even by KILL (process group ${pgid})`);
      else this.#log("INFO", end === "killed" ? "had to be killed" : "was stopped");
      await waitAtMost(over, LOOK_MS * 5);
    } else if ((await endGroup(pgid, LEFTOVER_GRACE_MS, this.#hurry.signal)) !== "gone")
      this.#log("WARNING", "left processes behind, which were ended");
    const status = isOver ? await over : { code: null, signal: "SIGKILL" as const };
    const code = readExitCode(this.#folder);
    this.#reportExit(
      code === undefined ? { exit_code: status.code, signal: status.signal } : readShimStatus(code),
    );
  }

  /** Finds out what became of a process of an earlier agent, and watches it if it still runs. */
  async #resume(): Promise<void> {
    const pgid = this.#record.pgid ?? readShimPid(this.#folder);
    const code = readExitCode(this.#folder);
    if (pgid === undefined) return this.#report({ exit_code: null, signal: null }, "not_started");
    this.#ship();
    const mark = this.#record.start_mark;
    const now = readStartMark(pgid);
    // Without a mark (the agent died in the very moment of the start) a stranger may have the number by now.
    const isOurs = mark === null ? hasInEnvironment(pgid, this.attemptId) : mark === now;
    const isRunning = now !== undefined && isOurs;
    if (this.#record.pgid === null) {
      this.#save({ pgid, start_mark: now ?? null });
      if (isRunning) this.#reportStart(pgid, this.#record.kind);
    }
    if (isRunning) {
      this.#log("INFO", `still runs and was taken over: pid ${pgid}`);
      return this.#supervise(pgid, this.#watchAdopted(pgid, now));
    }
    if (mark !== null && now === undefined && isGroupAlive(pgid)) await endGroup(pgid, LEFTOVER_GRACE_MS);
    if (code !== undefined) return this.#reportExit(readShimStatus(code));
    const message =
      "The process was gone when the worker came back after a restart, and nobody saw how it ended.";
    this.#report({ exit_code: null, signal: null }, "lost", message);
  }

  /** A process that is not the agent's child is watched by looking; only its shim knows the exit code. */
  async #watchAdopted(
    pgid: number,
    mark: string,
  ): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    while (readStartMark(pgid) === mark) await pause(LOOK_MS);
    return { code: null, signal: null };
  }

  #ship(): void {
    const { http, log, settings, workerId } = this.#tools;
    this.#shipper = new LogShipper({
      folder: this.#folder,
      flow_run_id: this.flowRunId,
      attempt_id: this.attemptId,
      logger: "sluice.run",
      isEngine: this.#record.kind === "engine",
      bytesMax: settings.logBytesMax,
      http,
      log,
      worker_id: workerId,
    });
  }

  #reportStart(pid: number, kind: JobKind): void {
    const { fence } = this.#record;
    const body: AttemptStart = {
      fence,
      infrastructure_pid: String(pid),
      sets_own_state: kind === "engine",
    };
    this.#put("start", `${this.#attemptPath}/start`, body);
  }

  #reportExit(status: ExitStatus): void {
    const message = explainStatus(status);
    const reason = this.#wasSignalled ? this.#stopReason : undefined;
    if (reason === "cancelled")
      return this.#report(
        status,
        "cancelled",
        status.signal === "SIGKILL"
          ? "The run was cancelled; its process did not end on SIGTERM and was killed."
          : "The run was cancelled.",
      );
    if (reason === undefined || reason === "given_up" || status.exit_code === 0)
      return this.#report(status, "exited", message);
    const why =
      reason === "lost"
        ? "The worker stopped the process because the server was out of reach for too long."
        : "The worker was stopped.";
    this.#report(status, "lost", why);
  }

  #endUnstarted(): void {
    const isCancelled = this.#stopReason === "cancelled";
    this.#report({ exit_code: null, signal: null }, isCancelled ? "cancelled" : "not_started");
  }

  #report(status: ExitStatus, outcome: AttemptEnd["outcome"], message?: string): void {
    const how = status.signal ?? (status.exit_code === null ? outcome : `exit code ${status.exit_code}`);
    this.#log(outcome === "exited" && status.exit_code !== 0 ? "WARNING" : "INFO", `ended: ${how}`);
    if (this.#stopReason === "given_up") return;
    const body: AttemptEnd = {
      fence: this.#record.fence,
      ...status,
      outcome,
      sets_own_state: this.#record.kind === "engine",
      message: message ?? null,
    };
    this.#put("end", `${this.#attemptPath}/end`, body);
  }

  #put(kind: "start" | "end", path: string, body: unknown): void {
    if (this.#stopReason === "given_up") return;
    const { attempt_id, flow_run_id, fence } = this.#record;
    const identity = formatRunIdentity({ flow_run_id, attempt_id, fence });
    this.#tools.outbox.put({ kind, attempt_id, path, body, headers: { [RUN_IDENTITY_HEADER]: identity } });
  }

  /** The agent's own fault: the run's processes must not go on unseen, and the server must hear of it. */
  async #giveUp(error: unknown): Promise<void> {
    this.#log("ERROR", `cannot go on: ${describeError(error)}`);
    const { pgid } = this.#record;
    if (pgid !== null) await endGroup(pgid, LEFTOVER_GRACE_MS);
    this.#report({ exit_code: null, signal: null }, "lost", `The worker failed: ${describeError(error)}`);
  }

  async #finish(): Promise<void> {
    await this.ended;
    this.#tools.control.forget(this.attemptId);
    await this.#shipper?.finish();
    this.#logsSent.resolve();
    if (this.#stopReason !== "given_up") await this.#reported.promise;
    if (this.#isDetached) return;
    this.#tools.state.removeRun(this.attemptId);
  }

  #save(change: Partial<AttemptRecord>): void {
    this.#record = { ...this.#record, ...change };
    this.#tools.state.saveAttempt(this.#record);
  }

  get #attemptPath(): string {
    return `/flow_runs/${this.flowRunId}/attempts/${this.attemptId}`;
  }

  #log(level: "INFO" | "WARNING" | "ERROR", text: string): void {
    this.#tools.log.write(level, `Run ${this.#record.flow_run_name} ${text}.`, {
      flow_run_id: this.flowRunId,
      attempt_id: this.attemptId,
    });
  }
}

/** Resolves when the signal aborts. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
