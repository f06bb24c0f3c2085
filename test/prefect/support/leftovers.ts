/** Processes that outlive who started them: engines of a killed worker, supervisors in sessions of their own. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { signalProcess } from "../../../src/server/signal-process.ts";
import { waitFor } from "../../support/wait-for.ts";

/** The processes whose environment or command line has these words, the caller's own test process not counted. */
export async function findAllWith(words: string): Promise<{ pid: number; line: string }[]> {
  const all = process.platform === "darwin" ? ["-axEww"] : ["axeww"];
  const { stdout } = await promisify(execFile)("ps", [...all, "-o", "pid=,stat=,command="], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\S+)\s+(.*)$/u.exec(line))
    .filter((found) => found !== null)
    .map(([, pid, stat, line]) => ({ pid: Number(pid), stat: stat ?? "", line: line ?? "" }))
    .filter(({ pid, stat, line }) => pid !== process.pid && !stat.startsWith("Z") && line.includes(words));
}

/** Kills them and whatever they start meanwhile, and waits until all are gone. */
export async function killAllWith(words: string): Promise<void> {
  await waitFor(async () => {
    const left = await findAllWith(words);
    for (const { pid } of left) signalProcess(pid, "SIGKILL");
    if (left.length > 0)
      throw new Error(`Still there: ${left.map(({ line }) => line.slice(0, 80)).join("; ")}`);
  }, 10_000);
}
