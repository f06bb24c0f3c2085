/** How much of a processor the processes of a command want. */
import { readFileSync } from "node:fs";

const NANOSECONDS_PER_MS = 1e6;

/**
 * Milliseconds for which the main threads of a process and of its descendants have run or have waited for a processor,
 * each since it began; undefined where that cannot be read (macOS, or a kernel without these files). Source:
 * Documentation/scheduler/sched-stats.rst of Linux for `schedstat` (nanoseconds), proc(5) for `children`.
 */
export function readDemand(pid: number): number | undefined {
  try {
    const [ran = 0, waited = 0] = readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ").map(Number);
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
    const ofChildren = children.map((child) => readDemand(Number(child)) ?? 0);
    return ofChildren.reduce((sum, demand) => sum + demand, (ran + waited) / NANOSECONDS_PER_MS);
  } catch {
    return undefined;
  }
}
