/**
 * A program that takes slots, works for a moment and gives them back, again and again until SIGTERM. While it works it
 * writes down at which times it did so, for others to compare: `lease slots nanoseconds`, by the clock that all processes
 * of the machine share.
 *
 *   node holder.ts FILE LEASE_SECONDS WORK_MS NAME SLOTS
 */
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { concurrency, LeaseLostError } from "sluice/client";

const [file = "", leaseSeconds = "5", workMs = "200", name = "", slots = "1"] = process.argv.slice(2);
const STEP_MS = 5;

const leaving = new AbortController();
process.once("SIGTERM", () => leaving.abort());

while (!leaving.signal.aborted) {
  try {
    await concurrency(
      name,
      { occupy: Number(slots), leaseSeconds: Number(leaseSeconds), strict: true, signal: leaving.signal },
      async (lease) => {
        // By steps and not by the clock: whoever was frozen has as much left to do as before.
        for (let left = Number(workMs) / STEP_MS; left > 0; left -= 1) {
          // The time comes before the look: stopped in between, this process claims nothing that it did not have.
          const at = process.hrtime.bigint();
          if (lease.isLost) return;
          appendFileSync(file, `${lease.id} ${slots} ${at}\n`);
          await sleep(STEP_MS);
        }
      },
    );
  } catch (error) {
    if (leaving.signal.aborted) break;
    if (!(error instanceof LeaseLostError)) process.stderr.write(`${String(error)}\n`);
    await sleep(100);
  }
}
