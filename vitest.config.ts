import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const node = (name: string, more: object = {}) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], environment: "node", ...more },
});

export default defineConfig({
  test: {
    projects: [
      node("unit"),
      node("sim", { testTimeout: 60_000 }),
      node("agent", { testTimeout: 30_000 }),
      node("e2e", { testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false }),
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: { bindings: { SLUICE_OPEN: "true" } },
          }),
        ],
        test: { name: "objects", include: ["test/objects/**/*.test.ts"], testTimeout: 30_000 },
      },
    ],
  },
});
