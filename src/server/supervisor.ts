/** Keeps one workerd running behind one listening socket. */
import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { ClockWatch, systemClocks, type Clocks } from "./clock-watch.ts";
import { ServerError } from "./errors.ts";
import { openKeeper, SOCKET_FD, type Keeper } from "./keeper.ts";
import { urlOf } from "./options.ts";
import { signalProcess } from "./signal-process.ts";

/** How long a start may take until it answers. */
const START_MS_MAX = 30_000;
/** How long a stop lets workerd finish; it would wait for held requests, which have nothing to lose. */
const STOP_MS_MAX = 1_000;
/** An instance that ran longer than this was healthy: its end is not part of a series. */
const HEALTHY_MS = 10_000;
const BACKOFF_MS_MIN = 100;
const BACKOFF_MS_MAX = 5_000;
/** After so many instances in a row that never answered, about 20 s, there is no point in another. */
const UNREADY_MAX = 10;
const HEALTH_RETRY_MS = 50;
const CLOCK_LOOK_MS = 500;
/** An instance that was ready is asked this often, and hangs when it has left so many questions in a row unanswered. */
const LOOK_MS = 5_000;
const ANSWER_MS_MAX = 10_000;
const UNANSWERED_MAX = 3;
const OUTPUT_CHARACTERS_MAX = 4_000;

export interface SupervisorOptions {
  host: string;
  port: number;
  /** The command line of workerd, given the descriptor of its socket. */
  command: (socketFd: number) => readonly string[];
  /** Its whole environment, given the port that the socket has. */
  env: (port: number) => Record<string, string>;
  onOutput: (chunk: Uint8Array) => void;
  /** Nothing was ever kept, so nobody holds anything that could not be renewed while no server ran. */
  isNew?: boolean;
  clocks?: Clocks;
  /** How long an instance that was ready may take to say that it is alive. */
  answerMsMax?: number;
}

export interface Supervisor {
  readonly port: number;
  /** Settles when nothing runs any more: with a reason unless `stop` was called. */
  readonly ended: Promise<ServerError | undefined>;
  stop(): Promise<void>;
}

/** Starts workerd and resolves once it answers; from then on starts it again whenever it ends. */
export async function superviseWorkerd(options: SupervisorOptions): Promise<Supervisor> {
  const supervisor = new WorkerdSupervisor(options);
  await supervisor.start();
  return supervisor;
}

interface Instance {
  pid: number | undefined;
  startedAtMs: number;
  isReady: boolean;
  output: string;
  /** Aborts when the instance ends. */
  life: AbortController;
}

class WorkerdSupervisor implements Supervisor {
  readonly ended: Promise<ServerError | undefined>;
  readonly #options: SupervisorOptions;
  readonly #settleEnded: (reason: ServerError | undefined) => void;
  readonly #stopping = new AbortController();
  readonly #clocks: Clocks;
  readonly #clockWatch: ClockWatch;
  #clockSteppedAt = 0;
  #isNew: boolean;
  #port: number;
  #keeper: Keeper | undefined;
  #instance: Instance | undefined;
  /** Instances in a row that ended soon, and those that never answered. */
  #shortLived = 0;
  #unready = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#isNew = options.isNew ?? false;
    this.#clocks = options.clocks ?? systemClocks;
    this.#clockWatch = new ClockWatch(this.#clocks);
    const { promise, resolve } = Promise.withResolvers<ServerError | undefined>();
    this.ended = promise;
    this.#settleEnded = resolve;
  }

  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    await this.#openKeeper();
    const instance = this.#startInstance();
    if (await this.#becomesReady(instance, AbortSignal.timeout(START_MS_MAX))) {
      const timer = setInterval(() => this.#lookAtClock(), CLOCK_LOOK_MS);
      this.#stopping.signal.addEventListener("abort", () => clearInterval(timer));
      return;
    }
    const hasEnded = instance.life.signal.aborted;
    const reason = await this.#end(() =>
      hasEnded
        ? describeFailure(instance)
        : new ServerError(`workerd started, but did not answer within ${START_MS_MAX / 1000} s.`),
    );
    throw reason ?? new Error("The server was stopped while it started.");
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) {
      await this.ended;
      return;
    }
    this.#stopping.abort();
    const instance = this.#instance;
    if (instance?.pid !== undefined && !instance.life.signal.aborted) {
      signalProcess(instance.pid, "SIGTERM");
      await delay(STOP_MS_MAX, undefined, { signal: instance.life.signal }).catch(() => {});
    }
    await this.#end(() => undefined);
  }

  async #openKeeper(): Promise<void> {
    const keeper = await openKeeper(
      { host: this.#options.host, port: this.#port },
      this.#options.command(SOCKET_FD),
      this.#options.env,
      {
        onPid: (pid) => {
          if (this.#instance !== undefined) this.#instance.pid = pid;
        },
        onExit: (code) => this.#onInstanceEnd(describeCode(code)),
        onOutput: (chunk) => this.#onOutput(chunk),
        onGone: () => {
          if (this.#keeper !== keeper) return;
          this.#keeper = undefined;
          this.#onInstanceEnd("its keeper was killed");
        },
      },
    );
    this.#keeper = keeper;
    this.#port = keeper.port;
  }

  #startInstance(): Instance {
    const instance: Instance = {
      pid: undefined,
      startedAtMs: this.#clocks.wallMs(),
      isReady: false,
      output: "",
      life: new AbortController(),
    };
    this.#instance = instance;
    this.#keeper?.start(this.#isNew ? 0 : instance.startedAtMs, this.#clockSteppedAt);
    this.#isNew = false;
    return instance;
  }

  /** Asks until it answers; connections wait in the socket's queue until workerd is there to take them. */
  async #becomesReady(instance: Instance, deadline: AbortSignal): Promise<boolean> {
    const signal = AbortSignal.any([instance.life.signal, this.#stopping.signal, deadline]);
    while (!signal.aborted) {
      // Refused or reset while an instance comes or goes: asked again until it answers or ends.
      instance.isReady = await this.#isAnswering(signal);
      if (instance.isReady) {
        this.#unready = 0;
        void this.#endIfItHangs(instance);
        return true;
      }
      await delay(HEALTH_RETRY_MS, undefined, { signal }).catch(() => {});
    }
    return false;
  }

  /** A workerd that is stopped, or that somebody's input keeps busy for ever, does not end by itself. */
  async #endIfItHangs(instance: Instance): Promise<void> {
    const signal = AbortSignal.any([instance.life.signal, this.#stopping.signal]);
    const answerMsMax = this.#options.answerMsMax ?? ANSWER_MS_MAX;
    let unanswered = 0;
    while (unanswered < UNANSWERED_MAX) {
      await delay(Math.min(LOOK_MS, answerMsMax), undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const bound = AbortSignal.timeout(answerMsMax);
      if (await this.#isAnswering(bound)) unanswered = 0;
      // A refusal that comes at once proves nothing.
      else if (bound.aborted) unanswered += 1;
    }
    if (signal.aborted || instance.pid === undefined) return;
    this.#say("workerd does not answer any more, so it is ended");
    signalProcess(instance.pid, "SIGKILL");
  }

  async #isAnswering(signal: AbortSignal): Promise<boolean> {
    try {
      const response = await fetch(`${urlOf(this.#options.host, this.#port)}/api/health`, { signal });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }

  /**
   * Deadlines are on the disk as instants of the wall clock, and workerd has no other one: after a step forward they would
   * end what is alive. A new instance learns of the step by its environment.
   */
  #lookAtClock(): void {
    const stepMs = this.#clockWatch.look();
    if (stepMs === 0) return;
    this.#clockSteppedAt = this.#clocks.wallMs();
    this.#say(`the clock was put forward by ${Math.round(stepMs / 1000)} s, so workerd is started anew`);
    const instance = this.#instance;
    if (instance?.pid !== undefined && !instance.life.signal.aborted) signalProcess(instance.pid, "SIGKILL");
  }

  #onInstanceEnd(how: string): void {
    const instance = this.#instance;
    if (instance === undefined || instance.life.signal.aborted) return;
    const isFirst = !instance.isReady && this.#unready === 0 && this.#shortLived === 0;
    instance.life.abort();
    // The first start and a stop look after the end themselves.
    if (this.#stopping.signal.aborted || isFirst) return;
    this.#shortLived = this.#clocks.wallMs() - instance.startedAtMs > HEALTHY_MS ? 1 : this.#shortLived + 1;
    if (!instance.isReady) this.#unready += 1;
    if (this.#unready === UNREADY_MAX) {
      void this.#end(() => describeFailure(instance));
      return;
    }
    this.#say(`workerd ended (${how}) and is started again`);
    void this.#restart();
  }

  async #restart(): Promise<void> {
    const backoffMs =
      this.#shortLived === 1 ? 0 : Math.min(BACKOFF_MS_MIN * 2 ** (this.#shortLived - 2), BACKOFF_MS_MAX);
    await delay(backoffMs, undefined, { signal: this.#stopping.signal }).catch(() => {});
    if (this.#stopping.signal.aborted) return;
    try {
      // The socket died with its keeper; a new one takes the same port.
      if (this.#keeper === undefined) await this.#openKeeper();
    } catch (error) {
      // The port may still be held by what is dying.
      this.#shortLived += 1;
      this.#unready += 1;
      if (this.#unready < UNREADY_MAX) return this.#restart();
      await this.#end(() => (error instanceof ServerError ? error : new ServerError(String(error))));
      return;
    }
    const instance = this.#startInstance();
    if (await this.#becomesReady(instance, AbortSignal.timeout(START_MS_MAX))) return;
    // It hangs: its end makes room for the next one.
    if (instance.pid !== undefined && !instance.life.signal.aborted) signalProcess(instance.pid, "SIGKILL");
  }

  /** Ends everything; the reason is asked for when all output has been read. */
  async #end(explain: () => ServerError | undefined): Promise<ServerError | undefined> {
    this.#stopping.abort();
    const keeper = this.#keeper;
    this.#keeper = undefined;
    await keeper?.kill();
    const reason = explain();
    this.#settleEnded(reason);
    return reason;
  }

  #onOutput(chunk: Buffer): void {
    const instance = this.#instance;
    if (instance !== undefined && !instance.isReady) {
      instance.output = (instance.output + chunk.toString("utf8")).slice(-OUTPUT_CHARACTERS_MAX);
    }
    this.#options.onOutput(chunk);
  }

  #say(text: string): void {
    this.#options.onOutput(Buffer.from(`sluice: ${text}.\n`));
  }
}

function describeFailure(instance: Instance): ServerError {
  const output = instance.output.trim();
  return new ServerError(
    output === ""
      ? "workerd does not start, and does not say why."
      : `workerd does not start. It says:\n${output}`,
  );
}

/** A shell tells death by signal N as 128 + N. */
function describeCode(code: number): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
  return signal ?? `exit code ${code}`;
}
