/** The command line as people use it: `bin/sluice.js` in a process of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** What `npx sluice` runs. */
export const SLUICE_BIN = fileURLToPath(new URL("../../bin/sluice.js", import.meta.url));

/** What a command left behind. */
export interface Outcome {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

export interface SluiceOptions {
  env?: Record<string, string>;
  cwd?: string;
}

/** The environment of a test's commands: the Node that runs the test comes first, nobody's own settings are seen. */
export function cleanEnvironment(env: Record<string, string> = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(SLUICE|PREFECT|WORKER)_/.test(name));
  return {
    ...Object.fromEntries(inherited),
    PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`,
    NO_COLOR: "1",
    SLUICE_PROFILES_PATH: "/nonexistent/profiles.json",
    ...env,
  };
}

/** Starts a command and leaves it running; the caller ends it. */
export function spawnSluice(args: readonly string[], options: SluiceOptions = {}): ChildProcess {
  return spawn(process.execPath, [SLUICE_BIN, ...args], {
    env: cleanEnvironment(options.env),
    cwd: options.cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Waits for a process and collects what it writes. */
export function collect(child: ChildProcess): Promise<Outcome> {
  const outcome: Outcome = { exitCode: null, stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (outcome.stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (outcome.stderr += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ ...outcome, exitCode: code }));
  });
}

/** Runs a command to its end. */
export function runSluice(args: readonly string[], options: SluiceOptions = {}): Promise<Outcome> {
  return collect(spawnSluice(args, options));
}
