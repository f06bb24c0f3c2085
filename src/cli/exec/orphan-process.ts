/**
 * `node orphan-process.js MARK GRACE_MS [PID [PGID]]`: ends a command whose wrapper is gone, with all that it has
 * started. PGID is left out where the command has no group of its own, PID where the wrapper was gone before it knew.
 */
import { endProcesses } from "../../../worker-agent/processes.ts";

const [mark = "", graceMs, pid, pgid] = process.argv.slice(2);
await endProcesses(
  { pid: Number(pid), pgid: pgid === undefined ? null : Number(pgid), mark },
  { graceMs: Number(graceMs) },
);
