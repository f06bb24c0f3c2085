/** The one clock of the agent, its watchdog and its restarts. */
import { uptime } from "node:os";

/**
 * Milliseconds of a clock that never jumps, goes on while the host sleeps, and is the same for all processes of one
 * boot. Linux: the time since boot (`/proc/uptime`), because its monotonic clock stands still in a suspended host;
 * elsewhere the monotonic clock itself (macOS: `mach_continuous_time`).
 */
export function hostMs(): number {
  return process.platform === "linux" ? uptime() * 1000 : Number(process.hrtime.bigint() / 1_000_000n);
}
