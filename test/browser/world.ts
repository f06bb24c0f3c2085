/** One of each thing that a page shows, made over the API as Prefect's clients make them. */
import { POOL, type Stage } from "./stage.ts";

interface Made {
  id: string;
}

export interface World {
  flow: string;
  deployment: string;
  run: string;
  /** A run that the run started. */
  child: string;
  task: string;
  /** Of the key `report`. */
  artifact: string;
  block: string;
  limit: string;
  queue: string;
  worker: string;
  event: string;
}

const LIMIT = "gpu:gpu-1";
const SCHEMA = {
  type: "object",
  required: ["image"],
  properties: {
    image: { type: "string", title: "image", description: "Where it lies" },
    steps: { type: "integer", title: "steps", default: 20 },
    model: { $ref: "#/definitions/Model", title: "model", default: "small" },
    options: { type: "object", title: "options", default: { depth: 1 } },
  },
  definitions: { Model: { enum: ["small", "large"], type: "string" } },
};
const MARKDOWN = `# Report

Some *text*, a [link](https://example.com/x), ![a picture](https://example.com/a.png), <script>alert(1)</script> and [bad](javascript:alert(1)).

### Deep

| model | score |
|:--|--:|
| small | 0.9 |

1. one
   - two

\`\`\`python
print("hello")
\`\`\`
`;

export async function makeWorld({ ask }: Stage): Promise<World> {
  await ask("POST", "/work_pools/", { name: POOL, type: "process", concurrency_limit: 10 });
  const queue = await ask<Made>("POST", `/work_pools/${POOL}/queues`, { name: "high", priority: 1 });
  await ask("POST", `/work_pools/${POOL}/workers/heartbeat`, { name: "gpu-1" });
  const [worker] = await ask<Made[]>("POST", `/work_pools/${POOL}/workers/filter`, {});
  const limit = await ask<Made>("POST", "/v2/concurrency_limits/", {
    name: LIMIT,
    limit: 2,
    slot_names: ["GPU-1", "GPU-2"],
  });
  const flow = await ask<Made>("POST", "/flows/", { name: "pipeline", tags: ["gpu"] });
  const deployment = await ask<Made>("POST", "/deployments/", {
    name: "infer",
    flow_id: flow.id,
    work_pool_name: POOL,
    work_queue_name: "high",
    description: "Runs the **model**.",
    parameters: { image: "1.png" },
    parameter_openapi_schema: SCHEMA,
    enforce_parameter_schema: true,
    concurrency_limit: 2,
    tags: ["gpu", "nightly"],
    schedules: [
      { schedule: { cron: "0 6 * * *", timezone: "Europe/Berlin" } },
      { schedule: { rrule: "FREQ=WEEKLY;BYDAY=MO,FR" }, active: false },
    ],
  });
  const run = await ask<Made>("POST", `/deployments/${deployment.id}/create_flow_run`, {
    name: "run-one",
    tags: ["mine"],
  });
  for (const type of ["PENDING", "RUNNING"])
    await ask("POST", `/flow_runs/${run.id}/set_state`, { state: { type }, force: true });
  const standIn = await ask<Made>("POST", "/task_runs/", {
    flow_run_id: run.id,
    task_key: "child",
    dynamic_key: "0",
    name: "child-0",
  });
  const child = await ask<Made>("POST", "/flow_runs/", {
    flow_id: flow.id,
    parent_task_run_id: standIn.id,
    name: "small-child",
    state: { type: "RUNNING" },
  });
  const task = crypto.randomUUID();
  await ask("POST", "/events", [describeTask(task, run.id)]);
  await ask(
    "POST",
    "/logs",
    Array.from({ length: 230 }, (_, index) => ({
      name: "prefect.flow_runs",
      level: index === 7 ? 40 : 20,
      message: index === 7 ? 'it says "no pixels" here' : `line ${index} of the run`,
      timestamp: new Date(Date.now() - 60_000 + index * 100).toISOString(),
      flow_run_id: run.id,
      task_run_id: index % 2 === 0 ? task : null,
    })),
  );
  const artifact = await makeArtifacts(ask, run.id, task);
  await ask("POST", "/variables/", { name: "threshold", value: { eu: 0.5 }, tags: ["model"] });
  const acquire = (request_id: string) =>
    ask<{ lease_id: string }>("POST", "/v2/concurrency_limits/acquire", {
      names: [LIMIT],
      request_id,
      lease_seconds: 3600,
      holder: { type: "flow_run", id: run.id },
    });
  await acquire("one");
  const { lease_id } = await acquire("two");
  await ask("POST", `/v2/concurrency_limits/leases/${lease_id}/release`);
  await ask("POST", "/events", describeLease(limit.id, run.id));
  const found = await ask<{ events: Made[] }>("POST", "/events/filter", {
    filter: { event: { prefix: ["prefect.concurrency-limit."] } },
  });
  return {
    flow: flow.id,
    deployment: deployment.id,
    run: run.id,
    child: child.id,
    task,
    artifact,
    block: await makeBlock(ask),
    limit: limit.id,
    queue: queue.id,
    worker: worker?.id ?? "",
    event: found.events[0]?.id ?? "",
  };
}

async function makeArtifacts(ask: Stage["ask"], flow_run_id: string, task_run_id: string): Promise<string> {
  const make = (artifact: object) => ask<Made>("POST", "/artifacts/", { flow_run_id, ...artifact });
  const table = JSON.stringify([
    { model: "small", score: 0.91 },
    { model: "large", score: null },
  ]);
  await make({ key: "scores", type: "table", description: "Of **each**", data: table, task_run_id });
  await make({ key: "result", type: "link", data: "[the file](https://example.com/file.csv)" });
  await make({ key: "progress", type: "progress", data: 65 });
  await make({ key: "picture", type: "image", data: "https://example.com/picture.png" });
  const { id } = await make({ key: "report", type: "markdown", data: MARKDOWN });
  return id;
}

async function makeBlock(ask: Stage["ask"]): Promise<string> {
  await ask("POST", "/block_types/install_system_block_types", {});
  const { id: block_type_id } = await ask<Made>("GET", "/block_types/slug/secret");
  const [schema] = await ask<Made[]>("POST", "/block_schemas/filter", {
    block_schemas: { block_type_id: { any_: [block_type_id] } },
  });
  const { id } = await ask<Made>("POST", "/block_documents/", {
    name: "api-token",
    data: { value: "hush-hush" },
    block_schema_id: schema?.id,
    block_type_id,
  });
  return id;
}

const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();

function describeTask(task: string, run: string): object {
  return {
    id: crypto.randomUUID(),
    occurred: ago(5000),
    event: "prefect.task-run.Failed",
    resource: {
      "prefect.resource.id": `prefect.task-run.${task}`,
      "prefect.resource.name": "infer-0",
      "prefect.orchestration": "client",
    },
    related: [{ "prefect.resource.id": `prefect.flow-run.${run}`, "prefect.resource.role": "flow-run" }],
    payload: {
      validated_state: {
        type: "FAILED",
        name: "Failed",
        message: "ValueError: \u001B[31mno pixels\u001B[0m",
      },
      task_run: {
        name: "infer-0",
        task_key: "infer",
        dynamic_key: "0",
        run_count: 1,
        start_time: ago(11_000),
        end_time: ago(5000),
        total_run_time: 6,
      },
    },
  };
}

/** What Prefect's client tells when it acquires slots and gives them back. */
function describeLease(limit: string, run: string): object[] {
  const acquired = crypto.randomUUID();
  const describe = (phase: string, id: string, at: string, follows: string | null) => ({
    id,
    occurred: at,
    follows,
    event: `prefect.concurrency-limit.${phase}`,
    resource: {
      "prefect.resource.id": `prefect.concurrency-limit.${limit}`,
      "prefect.resource.name": LIMIT,
      "slots-acquired": "1",
      limit: "2",
    },
    related: [{ "prefect.resource.id": `prefect.flow-run.${run}`, "prefect.resource.role": "flow-run" }],
  });
  return [
    describe("acquired", acquired, ago(90 * 60_000), null),
    describe("released", crypto.randomUUID(), ago(60 * 60_000), acquired),
  ];
}
