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
    history: { summary: "Show who has held slots lately", load: () => import("./commands/gcl/history.ts") },
    waiters: { summary: "Show who stands in line", load: () => import("./commands/gcl/waiters.ts") },
    release: { summary: "End a lease by force", load: () => import("./commands/gcl/release.ts") },
  },
};

const concurrencyLimit: Group = {
  summary: "Limits on the tags of tasks",
  aliases: ["concurrency-limits"],
  commands: {
    create: {
      summary: "Create or change the limit of a tag",
      load: () => import("./commands/concurrency-limit/create.ts"),
    },
    ls: { summary: "List limits on tags", load: () => import("./commands/concurrency-limit/ls.ts") },
    inspect: {
      summary: "Show the limit of one tag",
      load: () => import("./commands/concurrency-limit/inspect.ts"),
    },
    delete: {
      summary: "Delete the limit of a tag",
      load: () => import("./commands/concurrency-limit/delete.ts"),
    },
    reset: {
      summary: "Free the slots of a tag",
      load: () => import("./commands/concurrency-limit/reset.ts"),
    },
  },
};

const workPool: Group = {
  summary: "Work pools: where deployments' runs wait for workers",
  aliases: ["work-pools"],
  commands: {
    create: { summary: "Create a pool", load: () => import("./commands/work-pool/create.ts") },
    ls: { summary: "List pools", load: () => import("./commands/work-pool/ls.ts") },
    inspect: { summary: "Show one pool", load: () => import("./commands/work-pool/inspect.ts") },
    preview: {
      summary: "Show what is scheduled in a pool",
      load: () => import("./commands/work-pool/preview.ts"),
    },
    pause: { summary: "Give out no runs", load: () => import("./commands/work-pool/pause.ts") },
    resume: { summary: "Give out runs again", load: () => import("./commands/work-pool/resume.ts") },
    update: { summary: "Change a pool", load: () => import("./commands/work-pool/update.ts") },
    delete: { summary: "Delete a pool", load: () => import("./commands/work-pool/delete.ts") },
    "set-concurrency-limit": {
      summary: "Limit how many runs a pool has at once",
      load: () => import("./commands/work-pool/set-concurrency-limit.ts"),
    },
    "clear-concurrency-limit": {
      summary: "Take the limit away",
      load: () => import("./commands/work-pool/clear-concurrency-limit.ts"),
    },
    "get-default-base-job-template": {
      summary: "Print what runs of a type of pool may configure",
      load: () => import("./commands/work-pool/get-default-base-job-template.ts"),
    },
    slots: {
      summary: "Show the runs that hold a pool's slots",
      load: () => import("./commands/work-pool/slots.ts"),
    },
  },
};

const workQueue: Group = {
  summary: "Work queues: lines of different priority within a pool",
  aliases: ["work-queues"],
  commands: {
    create: { summary: "Create a queue", load: () => import("./commands/work-queue/create.ts") },
    ls: { summary: "List queues", load: () => import("./commands/work-queue/ls.ts") },
    inspect: { summary: "Show one queue", load: () => import("./commands/work-queue/inspect.ts") },
    pause: { summary: "Give out no runs", load: () => import("./commands/work-queue/pause.ts") },
    resume: { summary: "Give out runs again", load: () => import("./commands/work-queue/resume.ts") },
    "set-concurrency-limit": {
      summary: "Limit how many runs a queue has at once",
      load: () => import("./commands/work-queue/set-concurrency-limit.ts"),
    },
    "clear-concurrency-limit": {
      summary: "Take the limit away",
      load: () => import("./commands/work-queue/clear-concurrency-limit.ts"),
    },
    preview: {
      summary: "Show what is scheduled in a queue",
      load: () => import("./commands/work-queue/preview.ts"),
    },
    slots: {
      summary: "Show the runs that hold a queue's slots",
      load: () => import("./commands/work-queue/slots.ts"),
    },
    "read-runs": {
      summary: "List the runs that wait in a queue",
      load: () => import("./commands/work-queue/read-runs.ts"),
    },
    delete: { summary: "Delete a queue", load: () => import("./commands/work-queue/delete.ts") },
  },
};

const worker: Group = {
  summary: "Workers: processes that take runs from a pool and run them here",
  aliases: ["workers"],
  commands: {
    start: {
      summary: "Run flows of a pool on this machine",
      load: () => import("./commands/worker/start.ts"),
    },
    ls: { summary: "List workers", load: () => import("./commands/worker/ls.ts") },
  },
};

const flowRun: Group = {
  summary: "Flow runs: what ran, runs and will run",
  aliases: ["flow-runs"],
  commands: {
    ls: { summary: "List runs", load: () => import("./commands/flow-run/ls.ts") },
    inspect: { summary: "Show one run", load: () => import("./commands/flow-run/inspect.ts") },
    logs: { summary: "Print a run's output", load: () => import("./commands/flow-run/logs.ts") },
    watch: { summary: "Follow a run until it has ended", load: () => import("./commands/flow-run/watch.ts") },
    "to-front": {
      summary: "Let a run that waits go before the others",
      load: () => import("./commands/flow-run/to-front.ts"),
    },
    resume: { summary: "Let a paused run go on", load: () => import("./commands/flow-run/resume.ts") },
    cancel: { summary: "Stop a run", load: () => import("./commands/flow-run/cancel.ts") },
    retry: { summary: "Run it once more", load: () => import("./commands/flow-run/retry.ts") },
    delete: { summary: "Delete a run", load: () => import("./commands/flow-run/delete.ts") },
  },
};

const taskRun: Group = {
  summary: "Task runs: the steps of flow runs",
  aliases: ["task-runs"],
  commands: {
    ls: { summary: "List task runs", load: () => import("./commands/task-run/ls.ts") },
    inspect: { summary: "Show one task run", load: () => import("./commands/task-run/inspect.ts") },
    logs: { summary: "Print a task run's output", load: () => import("./commands/task-run/logs.ts") },
  },
};

const flow: Group = {
  summary: "Flows",
  aliases: ["flows"],
  commands: {
    ls: { summary: "List flows", load: () => import("./commands/flow/ls.ts") },
  },
};

const variable: Group = {
  summary: "Variables: small values by name",
  aliases: ["variables"],
  commands: {
    set: { summary: "Set a variable", load: () => import("./commands/variable/set.ts") },
    get: { summary: "Print a variable's value", load: () => import("./commands/variable/get.ts") },
    inspect: { summary: "Show one variable", load: () => import("./commands/variable/inspect.ts") },
    ls: { summary: "List variables", load: () => import("./commands/variable/ls.ts") },
    unset: {
      summary: "Delete a variable",
      aliases: ["delete"],
      load: () => import("./commands/variable/unset.ts"),
    },
  },
};

const blockType: Group = {
  summary: "Types of blocks",
  aliases: ["types"],
  commands: {
    ls: { summary: "List block types", load: () => import("./commands/block/type/ls.ts") },
    inspect: {
      summary: "Show one block type and its fields",
      load: () => import("./commands/block/type/inspect.ts"),
    },
    delete: {
      summary: "Delete a block type with its blocks",
      load: () => import("./commands/block/type/delete.ts"),
    },
  },
};

const block: Group = {
  summary: "Blocks: secrets and settings by type and name",
  aliases: ["blocks"],
  commands: {
    create: { summary: "Create a block", load: () => import("./commands/block/create.ts") },
    ls: { summary: "List blocks", load: () => import("./commands/block/ls.ts") },
    inspect: { summary: "Show one block", load: () => import("./commands/block/inspect.ts") },
    delete: { summary: "Delete a block", load: () => import("./commands/block/delete.ts") },
    type: blockType,
  },
};

const artifact: Group = {
  summary: "Artifacts: what flows leave for people to look at",
  aliases: ["artifacts"],
  commands: {
    ls: { summary: "List artifacts", load: () => import("./commands/artifact/ls.ts") },
    inspect: { summary: "Show the artifacts of a key", load: () => import("./commands/artifact/inspect.ts") },
    delete: { summary: "Delete artifacts", load: () => import("./commands/artifact/delete.ts") },
  },
};

const event: Group = {
  summary: "Events",
  aliases: ["events"],
  commands: {
    emit: { summary: "Emit an event", load: () => import("./commands/event/emit.ts") },
    stream: { summary: "Show events as they come", load: () => import("./commands/event/stream.ts") },
  },
};

const audit: Group = {
  summary: "What people did",
  commands: {
    ls: { summary: "List acts: who, what, on what", load: () => import("./commands/audit/ls.ts") },
  },
};

const config: Group = {
  summary: "Settings of this command line",
  commands: {
    set: { summary: "Set a setting", load: () => import("./commands/config/set.ts") },
    unset: { summary: "Take a setting away", load: () => import("./commands/config/unset.ts") },
    view: { summary: "Show the settings in force", load: () => import("./commands/config/view.ts") },
  },
};

const profile: Group = {
  summary: "Named sets of settings",
  aliases: ["profiles"],
  commands: {
    ls: { summary: "List profiles", load: () => import("./commands/profile/ls.ts") },
    create: { summary: "Create a profile", load: () => import("./commands/profile/create.ts") },
    inspect: {
      summary: "Show the settings of a profile",
      load: () => import("./commands/profile/inspect.ts"),
    },
    rename: { summary: "Rename a profile", load: () => import("./commands/profile/rename.ts") },
    use: { summary: "Choose the profile in use", load: () => import("./commands/profile/use.ts") },
    delete: { summary: "Delete a profile", load: () => import("./commands/profile/delete.ts") },
  },
};

const schedule: Group = {
  summary: "Schedules of a deployment",
  commands: {
    create: { summary: "Add a schedule", load: () => import("./commands/deployment/schedule/create.ts") },
    ls: {
      summary: "List a deployment's schedules",
      load: () => import("./commands/deployment/schedule/ls.ts"),
    },
    pause: { summary: "Pause schedules", load: () => import("./commands/deployment/schedule/pause.ts") },
    resume: { summary: "Resume schedules", load: () => import("./commands/deployment/schedule/resume.ts") },
    delete: {
      summary: "Delete one schedule",
      load: () => import("./commands/deployment/schedule/delete.ts"),
    },
    clear: { summary: "Delete all schedules", load: () => import("./commands/deployment/schedule/clear.ts") },
  },
};

const deployment: Group = {
  summary: "Deployments: flows with where, when and with what they run",
  aliases: ["deployments"],
  commands: {
    run: { summary: "Start a run", load: () => import("./commands/deployment/run.ts") },
    ls: { summary: "List deployments", load: () => import("./commands/deployment/ls.ts") },
    inspect: { summary: "Show one deployment", load: () => import("./commands/deployment/inspect.ts") },
    pause: {
      summary: "Pause a deployment's schedules",
      load: () => import("./commands/deployment/pause.ts"),
    },
    resume: {
      summary: "Resume a deployment's schedules",
      load: () => import("./commands/deployment/resume.ts"),
    },
    delete: { summary: "Delete a deployment", load: () => import("./commands/deployment/delete.ts") },
    schedule,
  },
};

const server: Group = {
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
};

export const tree: Group = {
  summary: "Concurrency limits, work pools, deployments and flow runs for your own machines.",
  commands: {
    server,
    gcl,
    "concurrency-limit": concurrencyLimit,
    "work-pool": workPool,
    "work-queue": workQueue,
    worker,
    deploy: {
      summary: "Create or replace the deployments of prefect.yaml",
      load: () => import("./commands/deploy.ts"),
    },
    deployment,
    "flow-run": flowRun,
    "task-run": taskRun,
    flow,
    why: { summary: "Say why a run is not running", load: () => import("./commands/why.ts") },
    variable,
    block,
    artifact,
    event,
    audit,
    config,
    profile,
    completion: {
      summary: "Print the script that completes commands in a shell",
      load: () => import("./commands/completion.ts"),
    },
    exec: {
      summary: "Run a command while holding slots of a limit",
      load: () => import("./commands/exec.ts"),
    },
    version: { summary: "Print the versions in use", load: () => import("./commands/version.ts") },
  },
};
