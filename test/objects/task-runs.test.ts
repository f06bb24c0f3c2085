/** Task runs over the API in the real runtime: built from events, created by callers, found wherever they are. */
import { env, exports } from "cloudflare:workers";
import { evictDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { addressOfHub, formatAddress } from "../../src/contract/envelope.ts";
import { formatId, keyOfId } from "../../src/contract/ids.ts";
import type { State } from "../../src/contract/wire/states.ts";
import type { TaskRun } from "../../src/contract/wire/task-runs.ts";

const API = "http://sluice.test/api";
const iso = (ms: number) => new Date(ms).toISOString();
const send = (method: string, path: string, body?: unknown) =>
  exports.default.fetch(`${API}${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
const read = async <Answer>(path: string): Promise<Answer> => {
  const response = await send("GET", path);
  expect(response.status).toBe(200);
  return response.json();
};
const ask = async <Answer>(path: string, body: unknown = {}): Promise<Answer> => {
  const response = await send("POST", path, body);
  expect(response.status).toBeLessThan(300);
  return response.json();
};

async function makeRun(more: object = {}): Promise<string> {
  const flow = await ask<{ id: string }>("/flows/", { name: "flow" });
  return (await ask<{ id: string }>("/flow_runs/", { flow_id: flow.id, ...more })).id;
}

/** Time-ordered, as clients make them. */
let made = 0;
const newTaskRunId = (at = Date.now()): string => {
  made += 1;
  const ours = formatId({ layout: "task_run", key: "0000000000", head: at, version: 7, tail: made });
  const id = `${ours.slice(0, 20)}${crypto.randomUUID().slice(20)}`;
  // One in 256 has the check bits of an id that the server made.
  return keyOfId(id, "task_run") === undefined ? id : newTaskRunId(at);
};

interface Report {
  task: string;
  run: string | null;
  type: string;
  at: number;
  id?: string;
  keys?: [task_key: string, dynamic_key: string];
  more?: object;
}

/** An event as Prefect's engine sends it. */
const makeReport = ({
  task,
  run,
  type,
  at,
  id = crypto.randomUUID(),
  keys = ["add-1", task],
  more = {},
}: Report) => ({
  id,
  occurred: iso(at),
  event: `prefect.task-run.${type.charAt(0)}${type.slice(1).toLowerCase()}`,
  resource: {
    "prefect.resource.id": `prefect.task-run.${task}`,
    "prefect.state-timestamp": iso(at),
    "prefect.state-type": type,
    "prefect.orchestration": "client",
  },
  related:
    run === null
      ? []
      : [{ "prefect.resource.id": `prefect.flow-run.${run}`, "prefect.resource.role": "flow-run" }],
  payload: {
    intended: { from: null, to: type },
    validated_state: { type, name: null, message: "", state_details: {}, data: null },
    task_run: {
      name: "add-0",
      task_key: keys[0],
      dynamic_key: keys[1],
      empirical_policy: { retries: 0 },
      tags: ["t"],
      task_inputs: { x: [] },
      run_count: type === "PENDING" ? 0 : 1,
      start_time: type === "PENDING" ? null : iso(at),
      ...more,
    },
  },
});

describe("from events", () => {
  test("out of order and doubled: the history is by time, and what is shown never goes back", async () => {
    const [run, task] = [await makeRun(), newTaskRunId()];
    const at = Date.now();
    const report = (type: string, after: number, more = {}) =>
      makeReport({ task, run, type, at: at + after, more });
    const [pending, running, completed] = [
      report("PENDING", 0),
      report("RUNNING", 10),
      report("COMPLETED", 50, { end_time: iso(at + 50), total_run_time: 0.04 }),
    ];
    for (const event of [running, completed, running, pending, completed])
      await send("POST", "/events", [event]);
    await evictDurableObject(env.EVENT_HUB.getByName(formatAddress(addressOfHub("default"))));
    await waitFor(async () => {
      const states = await read<State[]>(`/task_run_states/?task_run_id=${task}`);
      expect(states.map(({ id, type, name }) => [id, type, name])).toEqual([
        [pending.id, "PENDING", "Pending"],
        [running.id, "RUNNING", "Running"],
        [completed.id, "COMPLETED", "Completed"],
      ]);
    });
    expect(await read<TaskRun>(`/task_runs/${task}`)).toMatchObject({
      id: task,
      flow_run_id: run,
      name: "add-0",
      tags: ["t"],
      run_count: 1,
      total_run_time: 0.04,
      state_type: "COMPLETED",
      state_id: completed.id,
      state: { state_details: { task_run_id: task, flow_run_id: run } },
    });
    expect(await read<State>(`/task_run_states/${running.id}`)).toMatchObject({ type: "RUNNING" });
  });

  test("a retried flow run goes on with the task run that has the same keys", async () => {
    const run = await makeRun();
    const [first, second] = [newTaskRunId(), newTaskRunId()];
    const keys: [string, string] = ["add-1", "0"];
    const at = Date.now();
    await send("POST", "/events", [
      makeReport({ task: first, run, type: "FAILED", at, keys }),
      makeReport({ task: second, run, type: "COMPLETED", at: at + 5, keys }),
    ]);
    await waitFor(async () => {
      const found = await ask<TaskRun[]>("/task_runs/filter", {
        task_runs: { flow_run_id: { any_: [run] } },
      });
      expect(found).toMatchObject([{ id: first, state_type: "COMPLETED" }]);
    });
  });

  test("only those whose states the client decides, and whole ones", async () => {
    const [run, task] = [await makeRun(), newTaskRunId()];
    const event = makeReport({ task, run, type: "RUNNING", at: Date.now() });
    const { "prefect.orchestration": _, ...resource } = event.resource;
    const probe = makeReport({ task: newTaskRunId(), run, type: "RUNNING", at: Date.now() });
    await send("POST", "/events", [
      { ...event, id: crypto.randomUUID(), resource },
      { ...event, id: crypto.randomUUID(), payload: { task_run: {} } },
      probe,
    ]);
    await waitFor(async () =>
      expect(await ask("/task_runs/count", { flow_runs: { id: { any_: [run] } } })).toBe(1),
    );
    expect((await send("GET", `/task_runs/${task}`)).status).toBe(404);
  });

  test("they go with their flow run", async () => {
    const [run, task] = [await makeRun(), newTaskRunId()];
    await send("POST", "/events", [makeReport({ task, run, type: "RUNNING", at: Date.now() })]);
    await waitFor(() => read(`/task_runs/${task}`));
    await send("DELETE", `/flow_runs/${run}`);
    await waitFor(async () => expect((await send("GET", `/task_runs/${task}`)).status).toBe(404));
  });
});

describe("found", () => {
  test("by filters, pages, counts and history", async () => {
    const run = await makeRun();
    const at = Date.parse(iso(Date.now()).slice(0, 19) + "Z");
    const tasks = Array.from({ length: 5 }, () => newTaskRunId());
    await send(
      "POST",
      "/events",
      tasks.map((task, index) =>
        makeReport({
          task,
          run,
          type: index === 4 ? "FAILED" : "COMPLETED",
          at: at + index,
          more: {
            name: `task-${index}`,
            expected_start_time: iso(at + index * 1000),
            tags: index === 0 ? [] : ["t"],
          },
        }),
      ),
    );
    const of = (task_runs: object = {}) => ({ flow_runs: { id: { any_: [run] } }, task_runs });
    await waitFor(async () => expect(await ask("/task_runs/count", of())).toBe(5));
    const names = async (body: object) =>
      (await ask<TaskRun[]>("/task_runs/filter", { sort: "NAME_ASC", ...body })).map(({ name }) => name);
    expect(await names({ ...of(), limit: 2, offset: 1 })).toEqual(["task-1", "task-2"]);
    expect(await names(of({ state: { type: { any_: ["FAILED"] } } }))).toEqual(["task-4"]);
    expect(await names(of({ name: { like_: "K-3" } }))).toEqual(["task-3"]);
    expect(await names(of({ tags: { is_null_: true } }))).toEqual(["task-0"]);
    expect(await names(of({ subflow_runs: { exists_: true } }))).toEqual([]);
    expect(await names({ task_runs: { id: { any_: tasks.slice(0, 2) } } })).toEqual(["task-0", "task-1"]);
    expect((await names({ limit: 200 })).filter((name) => name === "task-4")).toHaveLength(1);
    const page = await ask<{ count: number; pages: number; results: TaskRun[] }>("/task_runs/paginate", {
      ...of(),
      limit: 2,
      page: 3,
    });
    expect([page.count, page.pages, page.results.length]).toEqual([5, 3, 1]);
    const history = await ask<{ states: { state_type: string; count_runs: number }[] }[]>(
      "/task_runs/history",
      {
        ...of(),
        history_start: iso(at),
        history_end: iso(at + 6000),
        history_interval_seconds: 3,
      },
    );
    expect(
      history.map(({ states }) => states.map(({ state_type, count_runs }) => [state_type, count_runs])),
    ).toEqual([
      [["COMPLETED", 3]],
      [
        ["COMPLETED", 1],
        ["FAILED", 1],
      ],
    ]);
  });

  test("in the order of how long they have run so far", async () => {
    const run = await makeRun();
    const now = Date.now();
    const report = (name: string, seconds: number | null) => {
      const since = { task: newTaskRunId(), run, type: "RUNNING", at: now - 60_000 };
      if (seconds === null) return [makeReport({ ...since, more: { name } })];
      const end = { ...since, type: "COMPLETED", at: since.at + seconds * 1000 };
      return [makeReport({ ...end, more: { name, total_run_time: seconds } })];
    };
    const reports = [report("short", 1), report("running", null), report("long", 100), report("middle", 20)];
    await send("POST", "/events", reports.flat());
    const names = async (sort: string) => {
      const task_runs = await ask<TaskRun[]>("/task_runs/filter", {
        sort,
        flow_runs: { id: { any_: [run] } },
      });
      return task_runs.map(({ name }) => name);
    };
    await waitFor(async () =>
      expect(await names("DURATION_DESC")).toEqual(["long", "running", "middle", "short"]),
    );
    expect(await names("DURATION_ASC")).toEqual(["short", "middle", "running", "long"]);
  });

  test("in the counts of the dashboard", async () => {
    const run = await makeRun();
    const at = Date.now();
    const reports = ["COMPLETED", "COMPLETED", "FAILED", "RUNNING"].map((type) =>
      makeReport({ task: newTaskRunId(), run, type, at, more: { expected_start_time: iso(at) } }),
    );
    await send("POST", "/events", reports);
    const of = { flow_runs: { id: { any_: [run] } } };
    await waitFor(async () =>
      expect(await ask("/ui/task_runs/count", of)).toMatchObject({
        COMPLETED: 2,
        FAILED: 1,
        RUNNING: 1,
        PENDING: 0,
      }),
    );
    const body = { ...of, task_runs: { start_time: { after_: iso(at - 3_600_000) } } };
    const counts = await ask<{ completed: number; failed: number }[]>("/ui/task_runs/dashboard/counts", body);
    expect(counts).toHaveLength(20);
    expect(counts.at(-1)).toEqual({ completed: 2, failed: 1 });
    const [{ resource } = reports[0]!] = reports;
    const id = resource["prefect.resource.id"].replace("prefect.task-run.", "");
    expect(await read(`/ui/task_runs/${id}`)).toMatchObject({ id, flow_run_name: expect.any(String) });
  });

  test("without states where there is no run", async () => {
    const id = crypto.randomUUID();
    expect(await read(`/task_run_states/?task_run_id=${id}`)).toEqual([]);
    expect(await read(`/flow_run_states/?flow_run_id=${id}`)).toEqual([]);
  });

  test("an id that nobody has is 404", async () => {
    for (const id of [crypto.randomUUID(), newTaskRunId(), "none"])
      expect((await send("GET", `/task_runs/${id}`)).status).toBe(404);
  });
});

describe("created", () => {
  const create = (flow_run_id: string | null, more: object = {}) =>
    send("POST", "/task_runs/", { flow_run_id, task_key: "sub", dynamic_key: "0", name: "sub-0", ...more });

  test("once for the same keys in a flow run; a stand-in has the states of its subflow", async () => {
    const parent = await makeRun();
    const first = await create(parent);
    expect(first.status).toBe(201);
    const standIn = await first.json<TaskRun>();
    expect(standIn).toMatchObject({ state_type: "PENDING", flow_run_id: parent });
    const again = await create(parent);
    expect([again.status, (await again.json<TaskRun>()).id]).toEqual([200, standIn.id]);
    const child = await makeRun({ parent_task_run_id: standIn.id });
    const children = await ask<{ id: string }[]>("/flow_runs/filter", {
      flow_runs: { parent_task_run_id: { any_: [standIn.id] } },
    });
    expect(children).toMatchObject([{ id: child }]);
    for (const type of ["RUNNING", "COMPLETED"])
      await ask(`/flow_runs/${child}/set_state`, { state: { type } });
    await waitFor(async () =>
      expect(await read<TaskRun>(`/task_runs/${standIn.id}`)).toMatchObject({
        state_type: "COMPLETED",
        run_count: 1,
        state: { state_details: { child_flow_run_id: child, flow_run_id: parent, task_run_id: standIn.id } },
      }),
    );
    const subflows = {
      flow_runs: { id: { any_: [parent] } },
      task_runs: { subflow_runs: { exists_: true } },
    };
    expect(await ask("/task_runs/count", subflows)).toBe(1);
  });

  test("with the id that the caller made, without a flow run; renamed, given states, deleted", async () => {
    const id = newTaskRunId();
    const state = { type: "SCHEDULED", state_details: { scheduled_time: iso(Date.now()) } };
    const created = await create(null, { id, dynamic_key: id, state });
    expect(await created.json()).toMatchObject({ id, state_type: "SCHEDULED", flow_run_id: null });
    expect((await send("PATCH", `/task_runs/${id}`, { name: "renamed" })).status).toBe(204);
    const transition_id = crypto.randomUUID();
    const propose = (type: string, details: object = {}) =>
      ask<{ status: string }>(`/task_runs/${id}/set_state`, { state: { type, state_details: details } });
    expect(await propose("RUNNING", { transition_id })).toMatchObject({ status: "ACCEPT" });
    expect(await propose("RUNNING", { transition_id })).toMatchObject({ status: "REJECT" });
    expect(await propose("COMPLETED")).toMatchObject({ status: "ACCEPT" });
    expect(await propose("RUNNING")).toMatchObject({ status: "REJECT", state: { type: "COMPLETED" } });
    expect(await read<TaskRun>(`/task_runs/${id}`)).toMatchObject({
      name: "renamed",
      run_count: 1,
      end_time: expect.any(String),
    });
    expect((await send("DELETE", `/task_runs/${id}`)).status).toBe(204);
    expect((await send("DELETE", `/task_runs/${id}`)).status).toBe(404);
  });
});

test("a client's id that looks like one of the server's is found where its run is", async () => {
  const run = await makeRun();
  const task = formatId({ layout: "task_run", key: "00000000ff", head: Date.now(), version: 7, tail: 77 });
  await send("POST", "/events", [makeReport({ task, run, type: "RUNNING", at: Date.now() })]);
  await waitFor(async () =>
    expect(await read<TaskRun>(`/task_runs/${task}`)).toMatchObject({ flow_run_id: run }),
  );
});

test("a cancelled flow run takes with it what it has started", async () => {
  const parent = await makeRun();
  await ask(`/flow_runs/${parent}/set_state`, { state: { type: "RUNNING" } });
  const [running, done] = [newTaskRunId(), newTaskRunId()];
  await send("POST", "/events", [
    makeReport({ task: running, run: parent, type: "RUNNING", at: Date.now() }),
    makeReport({ task: done, run: parent, type: "COMPLETED", at: Date.now() }),
  ]);
  const standIn = await ask<TaskRun>("/task_runs/", {
    flow_run_id: parent,
    task_key: "sub",
    dynamic_key: "0",
  });
  const child = await makeRun({ parent_task_run_id: standIn.id });
  await ask(`/flow_runs/${child}/set_state`, { state: { type: "RUNNING" } });
  await waitFor(async () =>
    expect(await ask("/task_runs/count", { flow_runs: { id: { any_: [parent] } } })).toBe(3),
  );
  await waitFor(async () =>
    expect(await read<TaskRun>(`/task_runs/${standIn.id}`)).toMatchObject({ state_type: "RUNNING" }),
  );
  await ask(`/flow_runs/${parent}/set_state`, { state: { type: "CANCELLED" }, force: true });
  const cancelled = { state_type: "CANCELLED", state: { message: "The parent flow run was cancelled." } };
  await waitFor(async () => {
    for (const path of [`/flow_runs/${child}`, `/task_runs/${standIn.id}`, `/task_runs/${running}`])
      expect(await read(path)).toMatchObject(cancelled);
    expect(await read(`/task_runs/${done}`)).toMatchObject({ state_type: "COMPLETED" });
  });
});

test("a crashed flow run takes with it the subflows of its process, and what runs elsewhere goes on", async () => {
  const standIn = (flow_run_id: string, dynamic_key: string) =>
    ask<TaskRun>("/task_runs/", { flow_run_id, task_key: "sub", dynamic_key });
  const run = async (more: object = {}) => {
    const id = await makeRun(more);
    await ask(`/flow_runs/${id}/set_state`, { state: { type: "RUNNING" } });
    return id;
  };
  const parent = await run();
  const [ofChild, ofDeployed] = [await standIn(parent, "0"), await standIn(parent, "1")];
  const child = await run({ parent_task_run_id: ofChild.id });
  const ofGrandchild = await standIn(child, "0");
  const grandchild = await run({ parent_task_run_id: ofGrandchild.id });
  const { id: deployment_id } = await ask<{ id: string }>("/deployments/", {
    flow_id: (await read<{ flow_id: string }>(`/flow_runs/${parent}`)).flow_id,
    name: "elsewhere",
  });
  const deployed = await run({ parent_task_run_id: ofDeployed.id, deployment_id });
  await waitFor(async () => {
    for (const { id } of [ofChild, ofDeployed, ofGrandchild])
      expect(await read(`/task_runs/${id}`)).toMatchObject({ state_type: "RUNNING" });
  });
  await ask(`/flow_runs/${parent}/set_state`, { state: { type: "CRASHED" } });
  const crashed = {
    state_type: "CRASHED",
    state: { message: "The process of the parent flow run is gone." },
  };
  await waitFor(async () => {
    for (const path of [`/flow_runs/${child}`, `/task_runs/${ofChild.id}`, `/flow_runs/${grandchild}`])
      expect(await read(path)).toMatchObject(crashed);
  });
  expect(await read(`/flow_runs/${deployed}`)).toMatchObject({ state_type: "RUNNING" });
});

test("the graph of a flow run has its tasks and subflows, what they were given and what they ran inside of", async () => {
  const parent = await makeRun();
  const at = Date.now();
  const [first, second, inner] = [newTaskRunId(), newTaskRunId(), newTaskRunId()];
  const input = (id: string) => [{ input_type: "task_run", id }];
  const report = (task: string, after: number, task_inputs: object) =>
    makeReport({
      task,
      run: parent,
      type: "COMPLETED",
      at: at + after,
      more: {
        task_inputs,
        name: `task-${after}`,
        start_time: iso(at + after),
        end_time: iso(at + after + 1),
      },
    });
  await send("POST", "/events", [
    report(first, 1, {}),
    report(second, 2, { x: input(first), y: input(first) }),
    report(inner, 3, { __parents__: input(second) }),
  ]);
  const standIn = await ask<TaskRun>("/task_runs/", {
    flow_run_id: parent,
    task_key: "sub",
    dynamic_key: "0",
    task_inputs: { x: input(second) },
  });
  const child = await makeRun({ parent_task_run_id: standIn.id, name: "kid" });
  await ask(`/flow_runs/${child}/set_state`, { state: { type: "RUNNING" } });
  interface Graph {
    root_node_ids: string[];
    nodes: [
      string,
      { kind: string; label: string; parents: object[]; children: object[]; encapsulating: object[] },
    ][];
    states: { name: string }[];
  }
  await waitFor(async () => {
    const { nodes, root_node_ids, states } = await read<Graph>(`/flow_runs/${parent}/graph-v2`);
    expect(Object.fromEntries(nodes)).toMatchObject({
      [first]: { kind: "task-run", label: "task-1", parents: [], children: [{ id: second }] },
      [second]: { parents: [{ id: first }], children: [{ id: child }] },
      [inner]: { parents: [], encapsulating: [{ id: second }] },
      [child]: { kind: "flow-run", label: "flow / kid", state_type: "RUNNING", parents: [{ id: second }] },
    });
    expect(nodes.map(([id]) => id).slice(0, 3)).toEqual([first, second, inner]);
    expect(root_node_ids).toEqual([first, inner]);
    expect(states.map(({ name }) => name)).toEqual(["Pending"]);
  });
  const later = await read<Graph>(`/flow_runs/${parent}/graph-v2?since=${iso(at + 60_000)}`);
  expect(later.nodes.map(([id]) => id)).toEqual([child]);
  const dependencies = await read<{ id: string; upstream_dependencies: { id: string }[] }[]>(
    `/flow_runs/${parent}/graph`,
  );
  expect(dependencies.find(({ id }) => id === standIn.id)?.upstream_dependencies).toMatchObject([
    { id: second },
  ]);
  const children = await ask<{ id: string }[]>("/flow_runs/filter", {
    flow_runs: { parent_flow_run_id: { any_: [parent] } },
  });
  expect(children).toMatchObject([{ id: child }]);
});
