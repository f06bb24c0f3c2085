/** The agent's side of its watchdog: starts it, and tells it until when children may work without the server. */
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { backoffMs, waitAtMost } from "../src/client/backoff.ts";
import { describeError, type Log } from "./log.ts";
import type { StateFolder, StopTime } from "./state-folder.ts";

const AGAIN_MS = 1000;
const AGAIN_MS_MAX = 60_000;
const LEAVE_MS = 1000;

/**
 * A process of its own that stops what runs when the agent cannot: because it was killed, is stopped, or hangs. It
 * hears of every prolongation through a pipe, and so of the agent's end, too; see `watchdog-process.ts`.
 */
export class Watchdog {
  readonly #state: StateFolder;
  readonly #log: Log;
  #child: ChildProcess | undefined;
  #until: StopTime | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #isClosed = false;

  constructor(state: StateFolder, log: Log) {
    this.#state = state;
    this.#log = log;
  }

  /** Starts the process, unless it runs. It is started again whenever it is gone. */
  start(): void {
    if (this.#isClosed || this.#child !== undefined) return;
    // The file beside this one, in the language that this one is in: source while developing, JavaScript when published.
    const file = import.meta.url.endsWith(".ts") ? "./watchdog-process.ts" : "./watchdog-process.js";
    const child = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url)), this.#state.path], {
      cwd: "/",
      // It ends after its agent, when somebody may have removed the folder where Node's cache would be written again.
      env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: "1" },
      // Ctrl-C in a terminal is not for it.
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#child = child;
    child.unref();
    child.stdin.on("error", () => undefined);
    if ("unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
    child.once("error", (error) => this.#lose(child, describeError(error)));
    child.once("exit", (code, signal) => this.#lose(child, String(signal ?? code)));
    if (this.#until !== undefined) this.prolong(this.#until);
  }

  /** Children may work until then. */
  prolong(until: StopTime): void {
    this.#until = until;
    this.#child?.stdin?.write(`${JSON.stringify(until)}\n`);
  }

  /** The agent leaves. Waits a moment for the process, which goes when nothing is left that it could have to stop. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.stdin?.end();
    await waitAtMost(gone, LEAVE_MS);
  }

  #lose(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    if (this.#isClosed) return;
    this.#failures += 1;
    this.#log.writeOnce("watchdog", "WARNING", `The watchdog is gone (${how}) and is started again.`);
    const delayMs = backoffMs(this.#failures, { baseMs: AGAIN_MS, maxMs: AGAIN_MS_MAX });
    this.#timer = setTimeout(() => this.start(), delayMs);
  }
}
