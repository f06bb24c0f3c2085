/** All commands by name. Only names and one-line summaries are loaded before one is chosen. */
import type { Group } from "./framework/command.ts";

export const tree: Group = {
  summary: "Concurrency limits, work pools, deployments and flow runs for your own machines.",
  commands: {
    server: {
      summary: "Run Sluice on this machine",
      commands: {
        start: {
          summary: "Start the server and keep it running",
          load: () => import("./commands/server/start.ts"),
        },
        status: {
          summary: "Show whether a server answers, and where its data is",
          load: () => import("./commands/server/status.ts"),
        },
      },
    },
    version: { summary: "Print the versions in use", load: () => import("./commands/version.ts") },
  },
};
