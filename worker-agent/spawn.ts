/**
 * Starting a run's process so that it does not depend on the agent: its own session and process group, its output in
 * a file, and a shim that writes the exit code down, so that an agent that comes back later still learns it.
 */
import { spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import type { ExitStatus } from "./exit-status.ts";
import type { Job } from "./job.ts";
import { readStartMark } from "./process-identity.ts";

/**
 * The group's leader. It outlives TERM, INT and HUP, which the command itself gets with default handling (a caught
 * signal is reset in a child), and says afterwards how the command ended: `128 + n` for signal n. Stopped before the
 * command began, it does not begin it.
 */
const SHIM = `trap 'stopped=1' TERM INT HUP
printf '%s\\n' "$$" >"$0/pid"
[ -z "$stopped" ] || exit 143
"$@"
code=$?
printf '%s\\n' "$code" >"$0/exit.draft" && mv -f "$0/exit.draft" "$0/exit"
exit "$code"`;

export interface Spawned {
  pgid: number;
  startMark: string | null;
  /** Resolves with the shim's exit, once it is reaped. */
  exited: Promise<ExitStatus>;
}

/** The name of the file with everything that the run writes to stdout and stderr, in the order of its writes. */
export const OUTPUT_FILE = "output.log";

/** Starts the job; rejects when the operating system refuses. */
export function spawnJob(job: Job, folder: string): Promise<Spawned> {
  // One file for both streams, opened for appending: their order is the order in which the process wrote.
  const output = openSync(
    join(folder, OUTPUT_FILE),
    constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND,
    0o600,
  );
  return new Promise<Spawned>((resolve, reject) => {
    const child = spawn("/bin/sh", ["-c", SHIM, folder, ...job.words], {
      cwd: job.cwd,
      env: job.env,
      detached: true,
      stdio: ["ignore", output, output],
    });
    const exited = new Promise<ExitStatus>((settle) => {
      child.once("exit", (exit_code, signal) => settle({ exit_code, signal }));
    });
    child.once("error", reject);
    child.once("spawn", () => {
      const pgid = child.pid;
      if (pgid === undefined) return reject(new Error("the process has no id"));
      resolve({ pgid, startMark: readStartMark(pgid) ?? null, exited });
    });
  }).finally(() => closeSync(output));
}
