/** The clock for deadlines: it never jumps, and all threads of a process read the same time off it. */

import { uptime } from "node:os";

/** Less is what comes of reading two clocks one after the other, one of them to the hundredth of a second. */
const SLEPT_MS_MIN = 200;

/** Milliseconds since an arbitrary moment, with decimals. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * For how long the host has been suspended. Linux: the monotonic clock and all timers stand still meanwhile, and the time
 * since boot does not; elsewhere the monotonic clock goes on.
 */
export class SuspendedTime {
  #ms = readSuspendedMs();

  /** Milliseconds since this was last asked. */
  take(): number {
    const ms = readSuspendedMs() - this.#ms;
    if (ms < SLEPT_MS_MIN) return 0;
    this.#ms += ms;
    return ms;
  }
}

function readSuspendedMs(): number {
  return process.platform === "linux" ? uptime() * 1000 - monotonicMs() : 0;
}
