/**
 * A run of a worker: writes down that its attempt begins, and works for a moment, while it writes down at which times it
 * does: `attempt 1 nanoseconds`, by the clock that all processes of the machine share. One that has begun before
 * takes a moment only, however long it was to take.
 *
 *   node run.ts STARTS WORKS WORK_MS
 */
import { appendFileSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const STEP_MS = 50;
const AGAIN_MS = 1000;
const [starts = "", works = "", workMs = "0"] = process.argv.slice(2);
const { SLUICE_RUN: attempt = "", SLUICE_FLOW_RUN_ID: run = "?" } = process.env;

const isAgain = readFileSync(works, "utf8").includes(run);
appendFileSync(starts, `${attempt}\n`);
// By steps and not by the clock: whoever was frozen has as much left to do as before.
for (let left = (isAgain ? AGAIN_MS : Number(workMs)) / STEP_MS; left > 0; left -= 1) {
  appendFileSync(works, `${attempt} 1 ${process.hrtime.bigint()}\n`);
  await sleep(STEP_MS);
}
