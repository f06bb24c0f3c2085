/** All commands by name. Only names and one-line summaries are loaded before one is chosen. */
import type { Group } from "./framework/command.ts";

const gcl: Group = {
  summary: "Global concurrency limits: slots, who holds them, who waits",
  aliases: ["global-concurrency-limit"],
  commands: {
    create: { summary: "Create a limit", load: () => import("./commands/gcl/create.ts") },
    ls: { summary: "List limits: used, limit, waiting", load: () => import("./commands/gcl/ls.ts") },
    inspect: { summary: "Show one limit", load: () => import("./commands/gcl/inspect.ts") },
    update: { summary: "Change a limit", load: () => import("./commands/gcl/update.ts") },
    enable: { summary: "Make a limit active", load: () => import("./commands/gcl/enable.ts") },
    disable: { summary: "Make a limit inactive", load: () => import("./commands/gcl/disable.ts") },
    delete: { summary: "Delete a limit", load: () => import("./commands/gcl/delete.ts") },
    holders: { summary: "Show who holds slots", load: () => import("./commands/gcl/holders.ts") },
    waiters: { summary: "Show who stands in line", load: () => import("./commands/gcl/waiters.ts") },
    release: { summary: "End a lease by force", load: () => import("./commands/gcl/release.ts") },
  },
};

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
    gcl,
    version: { summary: "Print the versions in use", load: () => import("./commands/version.ts") },
  },
};
