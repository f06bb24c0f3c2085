/** Runs one command as a wrapper does: its terminal, its signals and its exit code are the caller's. */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { endProcesses, type ProcessSet } from "../../../worker-agent/processes.ts";
import { CommandError } from "../framework/errors.ts";
import { signalProcess } from "../../server/signal-process.ts";
import { startGuard } from "./guard.ts";

export interface ChildOptions {
  env: NodeJS.ProcessEnv;
  /** `NAME=value` in `env` that no other command has: by it everything is found that the command has started. */
  mark: string;
  /** Ends the command and everything that it has started: TERM, after the grace KILL. */
  stop: AbortSignal;
  graceMs: number;
  /** Seconds until `stop`, unless the lease is renewed before. */
  leftSeconds: () => number;
}

/** So long the guard leaves it to this process: some programs take a second TERM for haste. */
const GUARD_BEHIND_SECONDS = 1;
/** So soon the guard hears of a renewal, be it one in the last moment: sooner than it acts. */
const PROLONG_MS = 500;
/** From KILL until everything has ended. */
const STOPPING_SECONDS = 5;
const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
/** A terminal sends these to everybody in the foreground by itself. */
const SENT_BY_TERMINAL: ReadonlySet<string> = new Set(["SIGINT", "SIGQUIT"]);

/**
 * Runs a command to its end and resolves with its exit code, 128 + n where a signal ended it. Without a terminal the
 * command gets a process group of its own; in a terminal it stays in the foreground group, for it could not read from
 * the terminal otherwise. Stopped, it is gone with all that it has started when this resolves; should this process be
 * killed, the same happens without it.
 */
export async function runChild(words: readonly string[], options: ChildOptions): Promise<number> {
  const [program = "", ...args] = words;
  const hasTerminal = process.stdin.isTTY;
  let pid: number | undefined;
  const passOn = (signal: NodeJS.Signals) => {
    if (pid === undefined || (hasTerminal && SENT_BY_TERMINAL.has(signal))) return;
    signalProcess(hasTerminal ? pid : -pid, signal);
  };
  // Before the child is there: one that is quick may be signalled while spawn() has yet to return.
  for (const signal of PASSED_ON) process.on(signal, passOn);
  // Before the child as well: this process may be killed as soon as spawn() has begun.
  const guard = startGuard(options.mark, options.graceMs);
  const child = spawn(program, args, { env: options.env, stdio: "inherit", detached: !hasTerminal });
  pid = child.pid;
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        new CommandError(
          error.code === "ENOENT"
            ? `The command ${program} was not found.`
            : `The command ${program} cannot be run (${error.code ?? error.message}).`,
          error.code === "ENOENT" ? 127 : 126,
        ),
      ),
    );
    child.once("exit", (code, signal) =>
      resolve(signal === null ? (code ?? 0) : 128 + constants.signals[signal]),
    );
  });
  const processes: ProcessSet | undefined =
    pid === undefined ? undefined : { pid, pgid: hasTerminal ? null : pid, mark: options.mark };
  if (processes !== undefined) guard.tell(processes);
  const prolong = () => guard.prolong(options.leftSeconds() + GUARD_BEHIND_SECONDS);
  const prolonging = setInterval(prolong, PROLONG_MS);
  prolong();
  let stopped: Promise<unknown> | undefined;
  const onStop = () => {
    clearInterval(prolonging);
    guard.prolong(options.graceMs / 1000 + STOPPING_SECONDS);
    if (processes !== undefined) stopped = endProcesses(processes, { graceMs: options.graceMs });
  };
  if (options.stop.aborted) onStop();
  else options.stop.addEventListener("abort", onStop, { once: true });
  try {
    const code = await ended;
    // What the command has started does not outlive it either: the slot is somebody else's now.
    await stopped;
    return code;
  } finally {
    clearInterval(prolonging);
    guard.dismiss();
    options.stop.removeEventListener("abort", onStop);
    // A signal that comes late is still heard, and is nobody's: this process has slots to give back before it ends.
    pid = undefined;
  }
}
