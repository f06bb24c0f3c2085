/** The life of one attempt on this host: prepare, spawn, watch, stop, report. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClaimedRun } from "../src/contract/wire/agents.ts";
import { pause, waitAtMost } from "../src/client/backoff.ts";
import type { Http } from "../src/client/http.ts";
import { stopProcesses } from "./cancel.ts";
import { hostMs } from "./clock.ts";
import type { EngineControl } from "./engine-control.ts";
import { readShimStatus, type ExitStatus } from "./exit-status.ts";
import { findProcesses, markOf } from "./find-processes.ts";
import { JobError, type Job } from "./job.ts";
import { LogShipper } from "./log-shipper.ts";
import { describeError, type Log } from "./log.ts";
import type { Outbox } from "./outbox.ts";
import { prepareRun, type PrepareTools } from "./prepare.ts";
import { readStartMark } from "./process-identity.ts";
import { endProcesses, type ProcessSet } from "./processes.ts";
import { describeEnd, reportEnd, reportStart, type Ending, type StopReason } from "./run-reports.ts";
import { spawnJob } from "./spawn.ts";
import type { StartPace } from "./start-pace.ts";
import { readExitCode, readShimPid, type AttemptRecord, type StateFolder } from "./state-folder.ts";

export type { StopReason } from "./run-reports.ts";

/** Processes that the command leaves behind get this long between TERM and KILL. */
const LEFTOVER_GRACE_MS = 5000;
/** The end is reported without the last logs when these do not get through for so long. */
const LAST_LOGS_MS = 10_000;
const LOOK_MS = 200;

const NOBODY_SAW: ExitStatus = { exit_code: null, signal: null };

/** What a run uses of the agent. */
export interface RunTools extends PrepareTools {
  http: Http;
  log: Log;
  state: StateFolder;
  outbox: Outbox;
  control: EngineControl;
  pace: StartPace;
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
  /** By the host's clock; processes that were taken over count as old. */
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

  /** Takes on a run that was just claimed; `startBy` is when the claim lapses, by the host's clock. */
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
    const { state, settings, control, outbox, pace } = this.#tools;
    const { signal: stopping } = this.#stopping;
    if (stopping.aborted) return this.#endUnstarted();
    state.makeRun(this.attemptId);
    this.#save({});
    let job: Job | undefined;
    try {
      job = await prepareRun(this.#tools, { claim, folder: this.#folder, startBy, stopping });
    } catch (error) {
      if (stopping.aborted) return this.#endUnstarted();
      if (!(error instanceof JobError)) throw error;
      const status = { exit_code: error.exitCode, signal: null };
      return this.#report(status, { outcome: "exited", message: error.message });
    }
    if (job === undefined) return this.#endLapsed();
    const turn = await pace.turn(stopping);
    if (stopping.aborted) return this.#endUnstarted();
    if (hostMs() >= startBy) return this.#endLapsed();
    writeFileSync(join(this.#folder, "parameters.json"), JSON.stringify(claim.flow_run.parameters), {
      mode: 0o600,
    });
    this.#save({ kind: job.kind });
    let spawned;
    try {
      const channel = job.kind === "engine" ? await control.admit(this.attemptId) : {};
      spawned = await spawnJob({ ...job, env: { ...job.env, ...channel } }, this.#folder);
    } catch (error) {
      const message = `The process could not be started (${describeError(error)}); look at the limits of worker "${settings.name}" (processes, memory, open files)`;
      return this.#report({ exit_code: 126, signal: null }, { outcome: "exited", message });
    }
    const { pgid, startMark } = spawned;
    turn.follow(pgid);
    void spawned.exited.finally(turn.end);
    this.#spawnedAt = hostMs();
    try {
      this.#save({ pgid, start_mark: startMark });
    } catch (error) {
      // What runs is not ended for want of a note: its shim has written its pid, too.
      this.#log("WARNING", `could not be written down: ${describeError(error)}`);
    }
    this.#log("INFO", `started: pid ${pgid}`);
    reportStart(outbox, this.#record, pgid);
    this.#ship();
    await this.#supervise({ pid: pgid, pgid, mark: markOf(this.#record) }, spawned.exited);
  }

  /** Watches the processes until nothing of them is left, then reports how the first one ended. */
  async #supervise(processes: ProcessSet, leader: Promise<ExitStatus>): Promise<void> {
    const { control, state } = this.#tools;
    const { signal: hurry } = this.#hurry;
    let isOver = false;
    const over = leader.then((status) => {
      isOver = true;
      return status;
    });
    await Promise.race([over, aborted(this.#stopping.signal)]);
    if (!isOver) {
      this.#wasSignalled = true;
      const reason = this.#stopReason;
      const end = await stopProcesses(
        {
          attemptId: this.attemptId,
          processes,
          ageMs: hostMs() - this.#spawnedAt,
          graceMs: this.#graceMs,
          isCancel: reason === "cancelled",
          isTold: reason === "lost" && !state.markLost(this.attemptId),
          hurry,
        },
        control,
      );
      if (end === "survived") this.#log("ERROR", `does not end, even by KILL (process ${processes.pid})`);
      else this.#log("INFO", end === "killed" ? "had to be killed" : "was stopped");
      await waitAtMost(over, LOOK_MS * 5);
    } else if ((await endProcesses(processes, { graceMs: LEFTOVER_GRACE_MS, hurry })) !== "gone")
      this.#log("WARNING", "left processes behind, which were ended");
    this.#reportExit(isOver ? await over : { exit_code: null, signal: "SIGKILL" });
  }

  /** Finds out what became of a process of an earlier agent, and watches it if it still runs. */
  async #resume(): Promise<void> {
    const { state, outbox } = this.#tools;
    const { start_mark } = this.#record;
    const pgid = this.#record.pgid ?? readShimPid(this.#folder);
    if (pgid === undefined) return this.#report(NOBODY_SAW, { outcome: "not_started" });
    this.#ship();
    const found = findProcesses(this.#record, this.#folder);
    if (this.#record.pgid === null) {
      this.#save({ pgid, start_mark: start_mark ?? found?.shimMark ?? null });
      if (found?.shimMark !== undefined) reportStart(outbox, this.#record, pgid);
    }
    if (found?.shimMark !== undefined) {
      this.#log("INFO", `still runs and was taken over: pid ${pgid}`);
      return this.#supervise(found.processes, watchAdopted(pgid, found.shimMark));
    }
    const isEndKnown = readExitCode(this.#folder) !== undefined || state.isMarkedLost(this.attemptId);
    if (found !== undefined) await endProcesses(found.processes, { graceMs: LEFTOVER_GRACE_MS });
    if (isEndKnown) return this.#reportExit(NOBODY_SAW);
    const message =
      "The process was gone when the worker came back after a restart, and nobody saw how it ended.";
    this.#report(NOBODY_SAW, { outcome: "lost", message });
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

  /** Reports how the process ended: the shim knows best, by its note or by its own exit, then whoever saw it. */
  #reportExit(seen: ExitStatus): void {
    const code = readExitCode(this.#folder) ?? seen.exit_code;
    const status = code === null ? seen : readShimStatus(code);
    // The watchdog acts where no agent can, and leaves a note.
    if (this.#tools.state.isMarkedLost(this.attemptId)) {
      this.#stopReason ??= "lost";
      this.#wasSignalled = true;
    }
    this.#report(status, describeEnd(status, this.#wasSignalled ? this.#stopReason : undefined));
  }

  #endLapsed(): void {
    this.#log("WARNING", "was not started: its claim lapsed before it was prepared");
    this.#endUnstarted();
  }

  #endUnstarted(): void {
    const isCancelled = this.#stopReason === "cancelled";
    this.#report(NOBODY_SAW, { outcome: isCancelled ? "cancelled" : "not_started" });
  }

  #report(status: ExitStatus, ending: Ending): void {
    const { outcome } = ending;
    const how = status.signal ?? (status.exit_code === null ? outcome : `exit code ${status.exit_code}`);
    this.#log(outcome === "exited" && status.exit_code !== 0 ? "WARNING" : "INFO", `ended: ${how}`);
    if (this.#stopReason !== "given_up") reportEnd(this.#tools.outbox, this.#record, status, ending);
  }

  /** The agent's own fault: the run's processes must not go on unseen, and the server must hear of it. */
  async #giveUp(error: unknown): Promise<void> {
    this.#log("ERROR", `cannot go on: ${describeError(error)}`);
    const { pgid } = this.#record;
    if (pgid !== null)
      await endProcesses(
        { pid: pgid, pgid, mark: markOf(this.#record) },
        { graceMs: LEFTOVER_GRACE_MS, hurry: this.#hurry.signal },
      );
    this.#report(NOBODY_SAW, { outcome: "lost", message: `The worker failed: ${describeError(error)}` });
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

  #log(level: "INFO" | "WARNING" | "ERROR", text: string): void {
    this.#tools.log.write(level, `Run ${this.#record.flow_run_name} ${text}.`, {
      flow_run_id: this.flowRunId,
      attempt_id: this.attemptId,
    });
  }
}

/** A process that is not the agent's child is watched by looking; only its shim knows the exit code. */
async function watchAdopted(pid: number, startMark: string): Promise<ExitStatus> {
  while (readStartMark(pid) === startMark) await pause(LOOK_MS);
  return NOBODY_SAW;
}

/** Resolves when the signal aborts. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
