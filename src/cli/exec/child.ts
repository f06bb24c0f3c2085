/** Runs one command as a wrapper does: its terminal, its signals and its exit code are the caller's. */
import { spawn, type ChildProcess } from "node:child_process";
import { constants } from "node:os";
import { CommandError } from "../framework/errors.ts";

export interface ChildOptions {
  env: NodeJS.ProcessEnv;
  /** Ends the command: TERM, after the grace KILL. */
  stop: AbortSignal;
  graceMs: number;
}

const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
/** A terminal sends these to everybody in the foreground by itself. */
const SENT_BY_TERMINAL: ReadonlySet<string> = new Set(["SIGINT", "SIGQUIT"]);

/**
 * Runs a command to its end and resolves with its exit code, 128 + n where a signal ended it. Without a terminal the
 * command gets a process group of its own and is stopped with all its descendants; in a terminal it stays in the
 * foreground group, for it could not read from the terminal otherwise, and is stopped itself.
 */
export async function runChild(words: readonly string[], options: ChildOptions): Promise<number> {
  const [program = "", ...args] = words;
  const hasTerminal = process.stdin.isTTY;
  const child = spawn(program, args, { env: options.env, stdio: "inherit", detached: !hasTerminal });
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
  const passOn = (signal: NodeJS.Signals) => {
    if (!(hasTerminal && SENT_BY_TERMINAL.has(signal))) send(child, signal, hasTerminal);
  };
  for (const signal of PASSED_ON) process.on(signal, passOn);
  let timer: NodeJS.Timeout | undefined;
  const onStop = () => {
    send(child, "SIGTERM", hasTerminal);
    timer = setTimeout(() => send(child, "SIGKILL", hasTerminal), options.graceMs);
  };
  if (options.stop.aborted) onStop();
  else options.stop.addEventListener("abort", onStop, { once: true });
  try {
    const code = await ended;
    // What a stopped command has started does not outlive it either: the slot is somebody else's now.
    if (options.stop.aborted) send(child, "SIGKILL", hasTerminal);
    return code;
  } finally {
    clearTimeout(timer);
    options.stop.removeEventListener("abort", onStop);
    for (const signal of PASSED_ON) process.off(signal, passOn);
  }
}

/** Sends a signal to the command's group, or to the command alone where the group is also ours. */
function send(child: ChildProcess, signal: NodeJS.Signals, isOurGroup: boolean): void {
  if (child.pid === undefined) return;
  try {
    process.kill(isOurGroup ? child.pid : -child.pid, signal);
  } catch (error) {
    // It has ended in the meantime.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
