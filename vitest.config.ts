import { availableParallelism } from "node:os";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { PATIENCE_MS } from "./test/support/wait-for.ts";

/** Nothing waits this long: it is room for a machine that others keep busy. */
const patient = {
  testTimeout: 60_000,
  hookTimeout: 60_000,
  expect: { poll: { timeout: PATIENCE_MS } },
};

const node = (name: string, more: object = {}) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], environment: "node", ...patient, ...more },
});

export default defineConfig({
  test: {
    // Much of the time is spent waiting for processes and deadlines, which others can use, also where there are two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      node("unit"),
      node("sim"),
      node("linearizability", { testTimeout: 120_000 }),
      node("peers"),
      node("agent"),
      // Some of these type dozens of commands, each of which is a process.
      node("e2e", { testTimeout: 180_000 }),
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: { SLUICE_OPEN: "true", SLUICE_SECRETS_KEY: "a key for secrets in tests" },
            },
          }),
        ],
        test: { name: "objects", include: ["test/objects/**/*.test.ts"], ...patient },
      },
    ],
  },
});
