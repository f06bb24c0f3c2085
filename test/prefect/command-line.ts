/** Prefect's command line against this server: what each command prints and returns when a Prefect server answers it. */
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import type { Prefect } from "./support/prefect.ts";
import { OLDEST } from "./versions.ts";

const PROJECT = fileURLToPath(new URL("./project/", import.meta.url));

/** Command, exit code, and what it says, white space and frames aside. `$NAME` stands for an id that was printed before. */
type Step = readonly [command: string, exitCode: number, ...facts: (string | RegExp)[]];
const ID = "[0-9a-f]{8}-[0-9a-f-]{27}";

const LIMITS: readonly Step[] = [
  ["gcl create gpu:gpu-1 --limit 2", 0, "Created global concurrency limit with name 'gpu:gpu-1' and ID '"],
  ["gcl create gpu:gpu-1 --limit 2", 1, "'gpu:gpu-1' already exists"],
  ["gcl create rate --limit 5 --slot-decay-per-second 1.5", 0, "Created global concurrency limit"],
  ["gcl ls", 0, /gpu:gpu-1 True 2 0 0\.0 20/u, /rate True 5 0 1\.5 20/u],
  ["gcl inspect gpu:gpu-1", 0, "name='gpu:gpu-1', limit=2, active_slots=0, slot_decay_per_second=0.0"],
  ["gcl inspect gpu:gpu-1 -o json", 0, `"name": "gpu:gpu-1", "limit": 2, "active_slots": 0`],
  ["gcl update gpu:gpu-1 --limit 3", 0, "Updated global concurrency limit with name 'gpu:gpu-1'."],
  ["gcl update gpu:gpu-1 --active-slots 1", 0, "Updated"],
  ["gcl inspect gpu:gpu-1", 0, "limit=3, active_slots=1"],
  ["gcl update nope --limit 3", 1, "Global concurrency limit 'nope' not found."],
  ["gcl disable gpu:gpu-1", 0, "Disabled global concurrency limit with name 'gpu:gpu-1'."],
  ["gcl disable gpu:gpu-1", 1, "is already disabled"],
  ["gcl enable gpu:gpu-1", 0, "Enabled global concurrency limit with name 'gpu:gpu-1'."],
  ["gcl inspect nope", 1, "Global concurrency limit 'nope' not found."],
  ["gcl delete rate", 0, "Deleted global concurrency limit with name 'rate'."],
  ["gcl delete rate", 1, "Global concurrency limit 'rate' not found."],
  ["concurrency-limit create gpu 2", 0, "tag - 'gpu'", "concurrency_limit - 2"],
  [
    "concurrency-limit inspect gpu",
    0,
    new RegExp(`Concurrency Limit ID: ${ID}`, "u"),
    "gpu 2",
    "Active Task Run IDs",
  ],
  ["concurrency-limit ls", 0, new RegExp(`gpu ${ID} 2 0`, "u")],
  ["concurrency-limit reset gpu", 0, "Reset concurrency limit set on the tag: gpu"],
  ["concurrency-limit inspect nope", 1, "No concurrency limit found for the tag: nope"],
  ["gcl ls", 0, "tag:gpu True 2 0"],
  ["concurrency-limit delete gpu", 0, "Deleted concurrency limit set on the tag: gpu"],
  ["concurrency-limit delete gpu", 1, "No concurrency limit found for the tag: gpu"],
];

const POOLS: readonly Step[] = [
  ["work-pool create ml-pool --type process", 0, "Created work pool 'ml-pool'!", "Status: Not ready"],
  ["work-pool create ml-pool --type process", 1, "Work pool named 'ml-pool' already exists."],
  [
    "work-pool create bad --type nonsense",
    1,
    /Unknown work pool type 'nonsense'\. Please choose from .*process/u,
  ],
  [
    "work-pool create prefect-x --type process",
    1,
    "Work pools starting with 'Prefect' are reserved for internal use.",
  ],
  ["work-pool create other --type process --paused", 0, "Created work pool 'other'!", "Status: Paused"],
  [
    "work-pool ls",
    0,
    new RegExp(`other \\(\\*\\*\\) process ${ID} None`, "u"),
    "ml-pool process",
    "denotes a paused pool",
  ],
  ["work-pool inspect ml-pool", 0, "name='ml-pool', type='process'", "status=WorkPoolStatus.NOT_READY"],
  ["work-pool inspect ml-pool -o json", 0, `"job_configuration": {`, `"status": "NOT_READY"`],
  ["work-pool inspect nope", 1, "Work pool 'nope' not found!"],
  ["work-pool set-concurrency-limit ml-pool 5", 0, "Set concurrency limit for work pool 'ml-pool' to 5"],
  ["work-pool ls", 0, new RegExp(`ml-pool process ${ID} 5`, "u")],
  ["work-pool clear-concurrency-limit ml-pool", 0, "Cleared concurrency limit for work pool 'ml-pool'"],
  ["work-pool update ml-pool --description hello --concurrency-limit 9", 0, "Updated work pool 'ml-pool'"],
  ["work-pool inspect ml-pool", 0, "description='hello'", "concurrency_limit=9"],
  ["work-pool pause ml-pool", 0, "Paused work pool 'ml-pool'"],
  ["work-pool ls", 0, "ml-pool (**)"],
  ["work-pool resume ml-pool", 0, "Resumed work pool 'ml-pool'"],
  ["work-pool get-default-base-job-template --type process", 0, `"job_configuration"`],
  ["work-pool create other --type process --overwrite", 0, "Updated work pool 'other'!", "Status: Not ready"],
  ["work-pool delete other", 0, "Deleted work pool 'other'"],
  ["work-pool delete other", 1, "Work pool 'other' does not exist."],
  ["work-queue create high -p ml-pool -l 3 --priority 1", 0, "name - 'high'", "concurrency limit - 3"],
  ["work-queue create high -p ml-pool", 1, "Work queue with name: 'high' already exists."],
  ["work-queue create lonely", 0, "work pool - 'default-agent-pool'"],
  ["work-queue ls -p ml-pool", 0, /high 1 3/u, /default 2 None/u],
  ["work-queue ls", 0, "lonely default-agent-pool", "high ml-pool"],
  ["work-queue inspect high -p ml-pool", 0, "concurrency_limit=3", "WorkQueueStatusDetail(healthy=False"],
  ["work-queue inspect lonely", 0, "work_pool_name='default-agent-pool'"],
  ["work-queue pause high -p ml-pool", 0, "Work queue 'high' in work pool 'ml-pool' paused"],
  ["work-queue ls -p ml-pool", 0, "high (**)"],
  ["work-queue resume high -p ml-pool", 0, "Work queue 'high' in work pool 'ml-pool' resumed"],
  [
    "work-queue set-concurrency-limit high 7 -p ml-pool",
    0,
    "Concurrency limit of 7 set on work queue 'high'",
  ],
  [
    "work-queue clear-concurrency-limit high -p ml-pool",
    0,
    "Concurrency limits removed on work queue 'high'",
  ],
  ["work-queue preview high -p ml-pool", 0, "No runs found"],
  ["work-queue read-runs high -p ml-pool", 0, "Read 0 runs for work queue 'high' in work pool ml-pool"],
  ["work-queue delete lonely", 0, "Successfully deleted work queue 'lonely'"],
  ["work-queue delete lonely", 1, "No work queue named 'lonely' found."],
  ["work-queue delete default -p ml-pool", 1, "409 Conflict"],
];

const DEPLOYMENTS: readonly Step[] = [
  [
    "deploy --all",
    0,
    /'process-image\/process-image' successfully created/u,
    "process-image/nightly",
    "broken/broken",
  ],
  ["deploy --all", 0, /'process-image\/process-image' successfully created/u],
  ["deployment ls", 0, new RegExp(`process-image/nightly ${ID} ml-pool`, "u"), "process-image/process-image"],
  [
    "deployment inspect process-image/process-image",
    0,
    "'entrypoint': 'flow.py:process_image'",
    "'work_pool_name': 'ml-pool'",
  ],
  ["deployment inspect process-image/nope", 1, "Deployment 'process-image/nope' not found!"],
  ["deployment schedule ls process-image/nightly", 0, "cron: 0 3 * * * True"],
  [
    "deployment schedule create process-image/process-image --interval 3600",
    0,
    "Created deployment schedule!",
  ],
  [
    "deployment schedule create process-image/process-image --rrule FREQ=DAILY",
    0,
    "Created deployment schedule!",
  ],
  [
    "deployment schedule ls process-image/process-image",
    0,
    "FREQ=DAILY",
    new RegExp(`(?<S>${ID}) interval: 1:00:00s True`, "u"),
  ],
  ["deployment schedule pause process-image/process-image $S", 0, "Paused schedule"],
  ["deployment schedule ls process-image/process-image", 0, "interval: 1:00:00s False"],
  ["deployment schedule resume process-image/process-image $S", 0, "Resumed schedule"],
  [
    "deployment schedule delete process-image/process-image $S --accept-yes",
    0,
    "Deleted deployment schedule $S",
  ],
  ["deployment schedule delete process-image/process-image $S", 1, "Deployment schedule not found!"],
  ["deployment schedule clear process-image/process-image --accept-yes", 0, "Cleared all schedules"],
  [
    "deployment run process-image/process-image --param image_id=7 --tag t1 --flow-run-name seven",
    0,
    "Created flow run 'seven'.",
    new RegExp(`UUID: (?<R>${ID})`, "u"),
    "{'image_id': 7}",
  ],
  [
    "deployment run process-image/process-image --param image_id=8 --start-in 1h",
    0,
    new RegExp(`UUID: (?<LATER>${ID})`, "u"),
    "in 59 minutes",
  ],
  ["deployment run process-image/process-image --param nope=1", 1, "not found on the deployment: 'nope'"],
  ["deployment run process-image/nope", 1, "Deployment 'process-image/nope' not found!"],
  ["work-pool preview ml-pool --hours 12", 0, "$R seven", "$LATER", "denotes a late run"],
  ["work-queue preview default -p ml-pool", 0, "$R seven"],
  ["flow ls", 0, new RegExp(`${ID} process-image 20`, "u")],
  ["flow-run ls", 0, "$LATER process-image", "SCHEDULED in 59 minutes", "$R process-image seven SCHEDULED"],
  ["flow-run ls --state-type SCHEDULED --flow-name process-image", 0, "$R"],
  ["flow-run ls --state-type RUNNING", 0, /Flow Runs|No flow runs/u],
  [
    "flow-run inspect $R",
    0,
    "name='seven'",
    "parameters={'image_id': 7}",
    "tags=['t1']",
    "state_type=StateType.SCHEDULED",
  ],
  ["flow-run logs $R", 0],
  ["flow-run cancel $LATER", 0, "was successfully scheduled for cancellation."],
  ["flow-run cancel $LATER", 1, "already in terminal state"],
  ["flow-run cancel $R", 0, "was successfully scheduled for cancellation."],
  ["flow-run ls --state-type CANCELLED", 0, "$R", "$LATER"],
  ["flow-run delete $R", 0, "Successfully deleted flow run '$R'."],
  ["flow-run delete $R", 1, "Flow run '$R' not found!"],
  ["flow-run inspect $R", 1, /404 Not Found|not found!/u],
  ["flow-run cancel $R", 1, "Flow run '$R' not found!"],
  ["deployment delete process-image/nope", 1, "Deployment 'process-image/nope' not found!"],
];

const VARIABLES: readonly Step[] = [
  ["variable set a 1", 0, "Set variable 'a'."],
  ["variable set a 2", 1, "Variable 'a' already exists. Use `--overwrite` to update it."],
  ["variable set a 2 --overwrite", 0, "Set variable 'a'."],
  ["variable get a", 0, /^2$/u],
  ["variable get nope", 1, "Variable 'nope' not found."],
  ["variable inspect a", 0, "name='a', value=2"],
  ["variable ls", 0, /a 2 /u],
  ["variable unset nope", 1, "Variable 'nope' not found."],
  ["variable unset a", 0, "Unset variable 'a'."],
  ["automation ls", 0, "Automations"],
];

/** Commands that the old version does not have. */
const NEW: readonly Step[] = [
  ["server status", 0, "Server is available.", "Server version: 3."],
  ["work-pool slots ml-pool", 0, "Work Pool: ml-pool", "Slots: 0 / 9", "No flow runs occupying slots."],
  ["work-queue slots default -p ml-pool", 0, "Work Queue: default", "Slots: 0 active (Unlimited)"],
  ["flow-run retry $LATER", 0, "Flow run '$LATER'"],
  ["flow-run cancel $LATER", 0, "was successfully scheduled for cancellation."],
];

/** Runs every command and compares; what does not fit is told together. */
export async function checkCommandLine(prefect: Prefect): Promise<void> {
  const ids = new Map<string, string>();
  const insert = (text: string) => text.replaceAll(/\$([A-Z]+)/gu, (name, id: string) => ids.get(id) ?? name);
  const wrong: string[] = [];
  const steps = [
    ...LIMITS,
    ...POOLS,
    ...DEPLOYMENTS,
    ...VARIABLES,
    ...(prefect.version === OLDEST ? [] : NEW),
  ];
  for (const [command, exitCode, ...facts] of steps) {
    const outcome = await prefect.cli(insert(command).split(" "), { cwd: PROJECT });
    const said = plain(outcome.stdout + outcome.stderr);
    const missing = facts.filter((fact) => {
      if (typeof fact === "string") return !said.includes(insert(fact));
      const found = fact.exec(said);
      for (const [name, id] of Object.entries(found?.groups ?? {})) ids.set(name, id);
      return found === null;
    });
    if (outcome.exitCode === exitCode && missing.length === 0) continue;
    wrong.push(
      `prefect ${insert(command)}: exit code ${outcome.exitCode}, expected ${exitCode}; missing: ${missing.map(String).join(" and ")}; it said: ${said.slice(-600)}`,
    );
  }
  expect(wrong).toEqual([]);
}

/** Text without the frames of tables and with single blanks. */
function plain(text: string): string {
  return text
    .replaceAll(/[\u2500-\u257F]/gu, " ")
    .replaceAll(/\s+/gu, " ")
    .trim();
}
