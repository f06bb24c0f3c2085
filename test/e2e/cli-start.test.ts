/** How commands start and stop: on demand, and quietly when nobody reads on. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import { expect, test } from "vitest";
import { cleanEnvironment, SLUICE_BIN, spawnSluice } from "../support/sluice.ts";

const ROUNDS = 9;

function measureMs(args: readonly string[]): number {
  const startedAt = performance.now();
  const { status } = spawnSync(process.execPath, args, { env: cleanEnvironment(), stdio: "ignore" });
  const took = performance.now() - startedAt;
  expect(status).toBe(0);
  return took;
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

test("`sluice version` takes less than three times as long as `node -e 0`", () => {
  const node: number[] = [];
  const sluice: number[] = [];
  measureMs([SLUICE_BIN, "version"]); // fills the compile cache
  // By turns, so that a busy moment of the machine falls on both.
  for (let round = 0; round < ROUNDS; round += 1) {
    node.push(measureMs(["-e", "0"]));
    sluice.push(measureMs([SLUICE_BIN, "version"]));
  }
  expect(medianOf(sluice) / medianOf(node)).toBeLessThan(3);
});

test("a reader who goes away is no fault", async () => {
  const child = spawnSluice(["completion", "bash"]);
  child.stdout?.destroy();
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  expect(await once(child, "close")).toEqual([0, null]);
  expect(stderr).toBe("");
});

test.runIf(existsSync("/dev/full"))("a result that finds no room on the disk is no success", () => {
  const full = openSync("/dev/full", "w");
  const { status, stderr } = spawnSync(process.execPath, [SLUICE_BIN, "completion", "bash"], {
    env: cleanEnvironment(),
    stdio: ["ignore", full, "pipe"],
    encoding: "utf8",
  });
  closeSync(full);
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: "The result cannot be written (ENOSPC: no space left on device, write).\n",
  });
});
