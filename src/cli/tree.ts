/** All commands by name. Only names and one-line summaries are loaded before one is chosen. */
import type { Group } from "./framework/command.ts";

export const tree: Group = {
  summary: "Concurrency limits, work pools, deployments and flow runs for your own machines.",
  commands: {
    version: { summary: "Print the versions in use", load: () => import("./commands/version.ts") },
  },
};
