import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    environment: "node",
    globalSetup: "./setup.ts",
    testTimeout: 600_000,
    hookTimeout: 180_000,
    // Each file waits for leases, polls and restarts most of its time.
    maxWorkers: 2,
  },
});
