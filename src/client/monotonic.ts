/** The clock for deadlines: it never jumps, and all threads of a process read the same time off it. */

/** Milliseconds since an arbitrary moment, with decimals. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
