/** Processes that outlived their supervisor. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { ServerError } from "./errors.ts";
import { signalProcess } from "./signal-process.ts";

const KILL_MS_MAX = 5_000;
const LOOK_MS = 20;

/**
 * Kills every process whose command line contains `words` in a row and waits until all are gone. The caller owns the
 * path among the words, so what still runs with it belongs to nobody.
 */
export async function killLeftovers(words: readonly string[]): Promise<void> {
  const mark = words.join(" ");
  const deadline = performance.now() + KILL_MS_MAX;
  for (;;) {
    const left = (await listProcesses()).filter(
      ({ pid, line }) => pid !== process.pid && line.includes(mark),
    );
    if (left.length === 0) return;
    if (performance.now() > deadline) {
      throw new ServerError(
        `An earlier server's processes do not end (${left.map(({ pid }) => pid).join(", ")}); end them by hand.`,
      );
    }
    for (const { pid } of left) signalProcess(pid, "SIGKILL");
    await delay(LOOK_MS);
  }
}

/** All processes of this machine with their command lines; one that is dead but not yet buried has none. */
export async function listProcesses(): Promise<{ pid: number; line: string }[]> {
  if (process.platform === "linux") {
    // Small images have no `ps`.
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((name) => ({ pid: Number(name), line: readCommandLine(name) }));
  }
  const { stdout } = await promisify(execFile)("ps", ["-A", "-ww", "-o", "pid=,args="], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout
    .split("\n")
    .map((row) => /^\s*(\d+)\s+(.*)$/.exec(row))
    .flatMap((match) => (match === null ? [] : [{ pid: Number(match[1]), line: match[2] ?? "" }]));
}

function readCommandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
