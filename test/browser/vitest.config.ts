import { defineConfig } from "vitest/config";
import { PATIENCE_MS } from "../support/wait-for.ts";
import { findChromium } from "./browser-path.ts";

const path = findChromium();
if (path === undefined)
  console.error(
    "\n*** THE DASHBOARD WAS NOT CHECKED: there is no Chromium here. `apt-get install chromium`, or set CHROMIUM. ***\n",
  );

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: path === undefined ? [] : ["**/*.test.ts"],
    passWithNoTests: path === undefined,
    environment: "node",
    testTimeout: 90_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    expect: { poll: { timeout: PATIENCE_MS } },
  },
});
