import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { planDeployment, type Overrides } from "../../../src/cli/deploy/plan.ts";
import { readProjectFile } from "../../../src/cli/deploy/project-file.ts";
import { CommandError } from "../../../src/cli/framework/errors.ts";
import { selectDeployments } from "../../../src/cli/deploy/select.ts";
import { fillTemplates } from "../../../src/cli/deploy/templates.ts";

const NOTHING: Overrides = {
  pool: undefined,
  defaultPool: undefined,
  queue: undefined,
  jobVariables: {},
  parameters: {},
  tags: [],
  version: undefined,
  description: undefined,
  concurrencyLimit: undefined,
  schedules: undefined,
  isPaused: false,
  enforcesSchema: undefined,
  collisionStrategy: undefined,
};
const PLACE = { folder: "/srv/flows", place: "prefect.yaml:1" };

describe("a good prefect.yaml", () => {
  test("of a command", async () => {
    const { deployments, warnings } = readProjectFile(
      `
name: examples
prefect-version: 3.8.8
deployments:
  - name: process-image
    flow_name: process-image
    tags: [gpu]
    parameters: { image_id: 1 }
    work_pool:
      name: ml-pool
      job_variables:
        command: node flow.ts
`,
      "prefect.yaml",
    );
    expect(warnings).toEqual([]);
    expect(await planDeployment(deployments[0]!, NOTHING, PLACE)).toEqual({
      place: "prefect.yaml:1",
      flow_name: "process-image",
      pool: "ml-pool",
      deployment: {
        name: "process-image",
        work_pool_name: "ml-pool",
        work_queue_name: null,
        description: null,
        tags: ["gpu"],
        parameters: { image_id: 1 },
        parameter_openapi_schema: {
          title: "Parameters",
          type: "object",
          properties: {},
          definitions: {},
          additionalProperties: true,
        },
        enforce_parameter_schema: true,
        job_variables: { command: "node flow.ts" },
        entrypoint: null,
        path: ".",
        pull_steps: [{ "prefect.deployments.steps.set_working_directory": { directory: "/srv/flows" } }],
        paused: false,
        schedules: [],
        concurrency_limit: null,
      },
    });
  });

  test("with anchors, merges, schedules, a limit and pull steps", async () => {
    const { deployments } = readProjectFile(
      `
definitions:
  pools:
    gpu: &gpu
      name: ml-pool
      work_queue_name: urgent
  schedules:
    nightly: &nightly
      cron: "0 3 * * *"
      timezone: Europe/Berlin
      day_or: false
pull:
  - prefect.deployments.steps.set_working_directory:
      directory: /srv/flows
deployments:
  - &first
    name: one
    flow_name: job
    version: 7
    work_pool:
      <<: *gpu
      job_variables: { command: ./job.sh, env: { MODE: fast } }
    schedules:
      - *nightly
      - interval: 15m
        slug: often
        replaces: rarely
        active: false
        parameters: { n: 1 }
      - rrule: FREQ=DAILY;COUNT=3
      - cron: "* * * * * */20"
    concurrency_limit:
      limit: 3
      collision_strategy: CANCEL_NEW
      grace_period_seconds: 120
  - <<: *first
    name: two
    schedules: []
    concurrency_limit: 2
`,
      "prefect.yaml",
    );
    expect(deployments).toHaveLength(2);
    const [first, second] = deployments;
    expect(first).toMatchObject({
      name: "one",
      version: "7",
      work_pool_name: "ml-pool",
      work_queue_name: "urgent",
      job_variables: { command: "./job.sh", env: { MODE: "fast" } },
      concurrency_limit: 3,
      concurrency_options: { collision_strategy: "CANCEL_NEW", grace_period_seconds: 120 },
      pull: [{ "prefect.deployments.steps.set_working_directory": { directory: "/srv/flows" } }],
      schedules: [
        { schedule: { cron: "0 3 * * *", timezone: "Europe/Berlin", day_or: false } },
        {
          schedule: { interval: 900 },
          slug: "often",
          replaces: "rarely",
          active: false,
          parameters: { n: 1 },
        },
        { schedule: { rrule: "FREQ=DAILY;COUNT=3" } },
        { schedule: { cron: "* * * * * */20" } },
      ],
    });
    expect(second).toMatchObject({ name: "two", flow_name: "job", schedules: [], concurrency_limit: 2 });
    const plan = await planDeployment(
      second!,
      {
        ...NOTHING,
        pool: "other",
        jobVariables: { env: null },
        parameters: { n: 2 },
        tags: ["x"],
        schedules: [{ schedule: { cron: "@daily" } }],
        isPaused: true,
      },
      PLACE,
    );
    expect(plan).toMatchObject({
      pool: "other",
      deployment: {
        job_variables: { command: "./job.sh", env: null },
        parameters: { n: 2 },
        tags: ["x"],
        schedules: [{ schedule: { cron: "@daily" } }],
        paused: true,
        concurrency_limit: 2,
      },
    });
  });

  test("as `prefect init` writes it, with everything left open", () => {
    const { deployments } = readProjectFile(
      `
name: x
build: null
push: null
pull: null
deployments:
  - name: a
    version: null
    tags: []
    concurrency_limit: null
    description: null
    entrypoint: null
    parameters: {}
    work_pool: { name: null, work_queue_name: null, job_variables: {} }
    schedule: {}
`,
      "prefect.yaml",
    );
    expect(deployments).toMatchObject([
      { name: "a", version: undefined, schedules: undefined, concurrency_limit: null, pull: undefined },
    ]);
  });

  test("without a pool, where there is a default one", async () => {
    const { deployments } = readProjectFile(
      "deployments:\n  - name: a\n    flow_name: f\n    work_pool: { job_variables: { command: x } }\n",
      "prefect.yaml",
    );
    const planned = await planDeployment(deployments[0]!, { ...NOTHING, defaultPool: "usual" }, PLACE);
    expect(planned.pool).toBe("usual");
  });

  test("what is not done is said", () => {
    const { warnings } = readProjectFile(
      "build:\n  - step: {}\ndeployments:\n  - name: a\n    flow_name: f\n    triggers:\n      - type: event\n",
      "prefect.yaml",
    );
    expect(warnings).toEqual([
      "prefect.yaml:1: `build` is left out: sluice deploy runs no steps and makes no automations.",
      "prefect.yaml:6: `triggers` is left out: sluice deploy runs no steps and makes no automations.",
    ]);
  });
});

describe("a bad prefect.yaml is refused with the line and what to do", () => {
  test.each<[string, string, string[]]>([
    ["a list", "- a\n", ["1: the file must be a map of names and values."]],
    ["nothing", "", ["1: the file has no deployments; list them under `deployments:`."]],
    ["no list", "deployments: yes\n", ["1: deployments must be a list."]],
    [
      "a pull step that needs Python before a command",
      "pull: [{ prefect.deployments.steps.git_clone: { repository: x } }]\ndeployments:\n  - { name: a, flow_name: f }\n  - { name: b, entrypoint: 'f.py:f' }\n",
      [
        "3: the pull step prefect.deployments.steps.git_clone needs Python, and a runs a command; give it a `pull` of its own with prefect.deployments.steps.set_working_directory alone.",
      ],
    ],
    ["no deployments", "name: x\n", ["1: the file has no deployments; list them under `deployments:`."]],
    ["no name", "deployments:\n  - flow_name: f\n", ["2: this deployment has no name; write `name: …`."]],
    [
      "a bad name",
      "deployments:\n  - name: a/b\n",
      ["2: name must be a name without any of the characters / % & > <."],
    ],
    [
      "a slip in a key",
      "deployments:\n  - name: a\n    entry_point: x.py:f\n    work-pool:\n      name: p\n",
      [
        "3: there is no `entry_point`; did you mean `entrypoint`?",
        "4: there is no `work-pool`; did you mean `work_pool`?",
      ],
    ],
    [
      "a slip inside the pool",
      "deployments:\n  - name: a\n    work_pool:\n      name: p\n      job_variable: {}\n",
      ["5: there is no `job_variable`; did you mean `job_variables`?"],
    ],
    [
      "two schedules in one",
      "deployments:\n  - name: a\n    schedules:\n      - cron: '* * * * *'\n        interval: 5\n",
      ["4: a schedule has exactly one of cron, interval and rrule."],
    ],
    [
      "a bad cron",
      "deployments:\n  - name: a\n    schedule:\n      cron: '* * *'\n",
      ['4: cron wants five fields like "0 3 * * *", or a sixth for the seconds, not "* * *".'],
    ],
    [
      "a bad zone",
      "deployments:\n  - name: a\n    schedule:\n      cron: '* * * * *'\n      timezone: Mars/Base\n",
      ["5: There is no time zone Mars/Base; it looks like Europe/Berlin."],
    ],
    [
      "a bad interval",
      "deployments:\n  - name: a\n    schedule:\n      interval: 0\n",
      ["4: interval must be a number of seconds above 0, or a text like 15m."],
    ],
    [
      "a bad limit",
      "deployments:\n  - name: a\n    concurrency_limit: -1\n",
      ["3: concurrency_limit must be a whole number, 0 or more."],
    ],
    [
      "a bad strategy",
      "deployments:\n  - name: a\n    concurrency_limit:\n      limit: 1\n      collision_strategy: DROP\n",
      ["5: collision_strategy must be ENQUEUE or CANCEL_NEW."],
    ],
    [
      "parameters that are a list",
      "deployments:\n  - name: a\n    parameters: [1]\n",
      ["3: parameters must be a map of names and values."],
    ],
    [
      "a flag that is none",
      "deployments:\n  - name: a\n    paused: maybe\n",
      ["3: paused must be true or false."],
    ],
    [
      "the same name twice",
      "deployments:\n  - name: a\n    flow_name: f\n  - name: a\n    flow_name: f\n",
      ["4: another deployment of the same flow is named a too (line 2)."],
    ],
    [
      "faults in several places, all named together",
      "deployments:\n  - name: a\n    tags: {}\n  - paused: 1\n",
      [
        "3: tags must be a list of texts.",
        "4: this deployment has no name; write `name: …`.",
        "4: paused must be true or false.",
      ],
    ],
  ])("%s", (_name, text, faults) => {
    expect(() => readProjectFile(text, "prefect.yaml")).toThrow(
      new CommandError(faults.map((fault) => `prefect.yaml:${fault}`).join("\n")),
    );
  });

  test("broken YAML", () => {
    expect(() => readProjectFile("deployments:\n  - name: 'a\n", "prefect.yaml")).toThrow(
      /^prefect\.yaml:\d+:\d+: .*quote.*\.$/,
    );
    expect(() => readProjectFile("a: *nowhere\n", "prefect.yaml")).toThrow(/^prefect\.yaml:1.*nowhere/);
  });

  test.each<[string, string, string]>([
    [
      "no pool",
      "flow_name: f",
      "prefect.yaml:1: the deployment a has no work pool; write `work_pool: {name: …}` or say --pool.",
    ],
    [
      "nothing to run",
      "flow_name: f\n    work_pool: { name: p }",
      "prefect.yaml:1: the deployment a says nothing to run; write `entrypoint: file.py:flow`, or `flow_name` and a `command` in work_pool.job_variables.",
    ],
    [
      "no flow",
      "work_pool: { name: p, job_variables: { command: x } }",
      "prefect.yaml:1: the deployment a runs a command, so it wants a `flow_name`.",
    ],
    [
      "no such file",
      "entrypoint: missing.py:f\n    work_pool: { name: p }",
      "prefect.yaml:1: the entrypoint missing.py:f names missing.py, which is no file of /srv/flows.",
    ],
    [
      "a bad entrypoint",
      "entrypoint: missing.py\n    work_pool: { name: p }",
      "prefect.yaml:1: the entrypoint missing.py must have the form path/to/file.py:function.",
    ],
  ])("a deployment with %s", async (_name, body, sentence) => {
    const { deployments } = readProjectFile(`deployments:\n  - name: a\n    ${body}\n`, "prefect.yaml");
    await expect(planDeployment(deployments[0]!, NOTHING, PLACE)).rejects.toThrow(new CommandError(sentence));
  });
});

describe("choosing deployments", () => {
  const { deployments } = readProjectFile(
    `deployments:
  - { name: train, flow_name: models }
  - { name: train-small, flow_name: models }
  - { name: clean, entrypoint: "jobs.py:clean_up" }
`,
    "prefect.yaml",
  );
  const select = async (names: string[], isAll = false, folder = "/srv/flows") =>
    (await selectDeployments(deployments, names, isAll, { fileName: "prefect.yaml", folder })).map(
      ({ name }) => name,
    );
  test.each<[string[], string[]]>([
    [["train"], ["train"]],
    [["models/train"], ["train"]],
    [["train*"], ["train", "train-small"]],
    [["*/clean"], ["clean"]],
    [["clean-up/*"], ["clean"]],
    [
      ["clean", "train"],
      ["train", "clean"],
    ],
  ])("%j", async (names, chosen) => {
    expect(await select(names)).toEqual(chosen);
  });
  test("by the name that a flow has in its file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-flows-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "jobs.py"), '@flow(name="sweep")\ndef clean_up():\n    pass\n');
    expect(await select(["sweep/clean"], false, folder)).toEqual(["clean"]);
    await expect(select(["clean-up/clean"], false, folder)).rejects.toThrow(CommandError);
  });
  test("all, or none that fits", async () => {
    expect(await select([], true)).toEqual(["train", "train-small", "clean"]);
    await expect(select([])).rejects.toThrow(
      "prefect.yaml has 3 deployments (train, train-small, clean); name one with --name, or say --all.",
    );
    await expect(select(["trian"])).rejects.toThrow(
      "prefect.yaml has no deployment trian; did you mean train?",
    );
    await expect(select(["x.*"])).rejects.toThrow(
      "prefect.yaml has no deployment x.*; it has train, train-small, clean.",
    );
    await expect(select(["train"], true)).rejects.toThrow("--all and --name exclude each other.");
  });
});

describe("templates", () => {
  const sources = {
    env: { HOME: "/home/x", EMPTY: "" },
    readVariable: async (name: string) => ({ count: 3, model: "resnet" })[name],
    onUnset: (name: string): void => expect.fail(`${name} is not set`),
  };
  test("are filled in where they are known, and keep the value's type", async () => {
    const filled = await fillTemplates(
      {
        path: "{{ $HOME }}/flows",
        n: "{{ prefect.variables.count }}",
        both: ["{{prefect.variables.model}}-{{ prefect.variables.count }}"],
        empty: "{{ $EMPTY }}",
        other: "{{ prefect.blocks.secret.key }} {{.Names}} {{ image }}",
      },
      sources,
    );
    expect(filled).toEqual({
      path: "/home/x/flows",
      n: 3,
      both: ["resnet-3"],
      empty: "",
      other: "{{ prefect.blocks.secret.key }} {{.Names}} {{ image }}",
    });
  });
  test("of a step's result are refused: no step is run", async () => {
    const { deployments } = readProjectFile(
      `
build:
  - prefect.deployments.steps.run_shell_script: { id: get-commit, script: git rev-parse HEAD }
deployments:
  - name: one
    flow_name: job
    version: "{{ get-commit.stdout }}"
    build: [{ prefect_docker.deployments.steps.build_docker_image: { id: build-image } }]
    work_pool: { name: p, job_variables: { command: x, image: "{{ build-image.image }}" } }
`,
      "prefect.yaml",
    );
    const [entry] = deployments;
    expect(entry?.step_ids).toEqual(["get-commit", "build-image"]);
    const fill = (text: string) => fillTemplates(text, { ...sources, stepIds: entry?.step_ids ?? [] });
    await expect(fill(entry?.version ?? "")).rejects.toThrow(
      "{{ get-commit.stdout }}: sluice deploy runs no steps, so get-commit gives nothing; write the value itself, or {{ $NAME }} to take it from the environment.",
    );
    // What names no step may be for somebody else, such as a command of the job.
    expect(await fill("docker ps --format '{{ container.name }}'")).toContain("{{ container.name }}");
  });
  test("say what is missing, which is nothing where it is the environment's", async () => {
    const unset: string[] = [];
    const onUnset = (name: string): void => void unset.push(name);
    const template = ["{{ $NOPE }}", "a{{ $NOR_THIS }}b"];
    expect(await fillTemplates(template, { ...sources, onUnset })).toEqual(["", "ab"]);
    expect(unset).toEqual(["NOPE", "NOR_THIS"]);
    await expect(fillTemplates("{{ prefect.variables.nope }}", sources)).rejects.toThrow(
      "{{ prefect.variables.nope }}: no variable named nope; create it with `sluice variable set nope VALUE`.",
    );
  });
});
