/**
 * What operations cost on the edge: requests, calls and rows are counted in a test, which multiplies them with the prices
 * and holds them to bounds.
 */
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify, stripVTControlCharacters } from "node:util";
import type { Finding } from "./measure.ts";
import type { Measure } from "./plan.ts";

const TEST = "test/objects/cost.test.ts";
/** `a million flow runs: $37.8 (9 requests, 11.72 calls, 0 frames, 32.89 rows each)` */
const LINE = /^(an? .+): \$([\d.e+-]+) \((.+)\)$/gmu;

export const measureCost: Measure = {
  title: "What it costs on the edge, by the requests and rows that are counted",
  async run() {
    const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [vitest, "run", "--project", "objects", TEST],
      {
        cwd: join(import.meta.dirname, ".."),
      },
    );
    const findings = [...stripVTControlCharacters(stdout).matchAll(LINE)].map(
      ([, name = "", dollars = "", parts = ""]): Finding => ({
        name,
        measured: `$${dollars} (${parts})`,
        values: { dollars: Number(dollars) },
      }),
    );
    if (findings.length === 0) throw new Error(`${TEST} told no cost.`);
    return findings;
  },
};
