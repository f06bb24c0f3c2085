/** `GET /flow_runs/{id}/why`, where limits have a say: what would help helps that run, and less would not. */
import { expect, test } from "vitest";
import type { RunExplanation } from "../../src/contract/wire/explanations.ts";
import { send } from "./support/send.ts";

async function must<Answer = { id: string }>(...call: Parameters<typeof send>): Promise<Answer> {
  const { status, body } = await send(...call);
  if (status >= 300) expect.fail(`${call[0]} ${call[1]}: ${status} ${JSON.stringify(body)}`);
  return body as Answer;
}

const why = (id: string) => must<RunExplanation>("GET", `/flow_runs/${id}/why`);
const LIMITS = "/v2/concurrency_limits";

interface Claimed {
  attempt_id: string;
  fence: number;
  flow_run: { id: string };
}

/** A pool with one worker that has room for so many, and a deployment in it. */
async function open(name: string, room: number, concurrency_limit: number | null = null) {
  await must("POST", "/work_pools/", { name, type: "process" });
  const flow = await must("POST", "/flows/", { name });
  const body = { name, flow_id: flow.id, work_pool_name: name, concurrency_limit };
  const deployment = await must("POST", "/deployments/", body);
  const session = { name: "w1", session_id: crypto.randomUUID(), limit: room };
  await must("POST", `/work_pools/${name}/workers/session`, session);
  const submit = () => must("POST", `/deployments/${deployment.id}/create_flow_run`, {});
  const claim = async (wanted: number): Promise<Claimed[]> => {
    const attempt_ids = Array.from({ length: wanted }, () => crypto.randomUUID());
    const { session_id, name: worker_name } = session;
    const path = `/work_pools/${name}/claim`;
    return (await must<{ claims: Claimed[] }>("POST", path, { worker_name, session_id, attempt_ids })).claims;
  };
  /** So many runs that are under way, with the header by which each is known. */
  const begin = async (count: number) => {
    for (let run = 0; run < count; run += 1) await submit();
    return Promise.all(
      (await claim(count)).map(async ({ attempt_id, fence, flow_run: { id } }) => {
        const identity = { "sluice-run": `${id}/${attempt_id}/${fence}` };
        const start = { fence, infrastructure_pid: "1" };
        await must("POST", `/flow_runs/${id}/attempts/${attempt_id}/start`, start);
        await must("POST", `/flow_runs/${id}/set_state`, { state: { type: "RUNNING" } }, identity);
        return { id, identity };
      }),
    );
  };
  return { deployment, submit, claim, begin };
}

const acquire = (
  names: string[],
  slots: number,
  identity?: Record<string, string>,
  request_id = crypto.randomUUID(),
) =>
  must<{ status: string; lease_id: string }>(
    "POST",
    `${LIMITS}/acquire`,
    { names, slots, request_id },
    identity,
  );

test("of those who wait for slots of a limit each is told what is enough for it and those before it", async () => {
  const { begin } = await open("line", 10);
  const [one, two, three] = await begin(3);
  if (one === undefined || two === undefined || three === undefined) return expect.fail();
  await must("POST", `${LIMITS}/`, { name: "gpu:box", limit: 2 });
  await acquire(["gpu:box"], 1);
  for (const [run, slots] of [
    [one, 2],
    [two, 1],
    [three, 1],
  ] as const)
    expect(await acquire(["gpu:box"], slots, run.identity)).toMatchObject({ status: "waiting" });
  // The note of which limit a run asks is left off the way of the answer.
  const said = async (run: { id: string }) => {
    await expect.poll(async () => (await why(run.id)).reason).toBe("limit");
    return why(run.id);
  };
  expect(await said(one)).toMatchObject({
    detail: "The run waits for 2 slots of the limit gpu:box: 1 of 2 are taken.",
    help: "sluice gcl update gpu:box --limit 3",
    position: 1,
  });
  expect(await said(two)).toMatchObject({
    detail:
      "The run waits for a slot of the limit gpu:box: 1 of 2 are taken, and what is free is for those before it.",
    help: "sluice gcl update gpu:box --limit 4",
    position: 2,
  });
  expect((await said(three)).help).toBe("sluice gcl update gpu:box --limit 5");
  // Over the limit it is as much more; and where one may be passed, less.
  await must("PATCH", `${LIMITS}/gpu:box`, { active_slots: 3, bypass_max: 1 });
  expect(await said(two)).toMatchObject({
    detail: "The run waits for a slot of the limit gpu:box: 3 are taken, more than its 2.",
    help: "sluice gcl update gpu:box --limit 4",
  });
  expect((await said(three)).help).toBe("sluice gcl update gpu:box --limit 7");
});

test("a named slot more needs a name, and slots of several limits come all at once", async () => {
  const { begin } = await open("several", 10);
  const [one, two] = await begin(2);
  if (one === undefined || two === undefined) return expect.fail();
  await must("POST", `${LIMITS}/`, { name: "gpu:named", limit: 1, slot_names: ["GPU-a"] });
  await must("POST", `${LIMITS}/`, { name: "licence", limit: 1 });
  for (const name of ["gpu:named", "licence"]) await acquire([name], 1);
  await acquire(["gpu:named"], 1, one.identity);
  await expect
    .poll(() => why(one.id))
    .toMatchObject({
      detail:
        "The run waits for a slot of the limit gpu:named: 1 of 1 are taken. To have 2, it needs more names of slots.",
      help: null,
    });
  await acquire(["licence", "gpu:named"], 1, two.identity);
  await expect
    .poll(async () => (await why(two.id)).detail)
    .toMatch(/1 of 1 are taken\. It wants slots of other limits, too, and takes all of them at once\./);
});

test("of the runs of a full deployment each is told what is enough for it, whether they have asked its limit or not", async () => {
  const { deployment, submit, claim, begin } = await open("deployed", 2, 1);
  const name = `deployment:${deployment.id}`;
  expect(await begin(1)).toEqual([]);
  // The claim has asked the deployment's limit; the next one finds the slot.
  let first: Claimed | undefined;
  await expect.poll(async () => (first ??= (await claim(1))[0])).toBeDefined();
  const waiting = [await submit(), await submit()];
  await expect
    .poll(async () => (await claim(1), Promise.all(waiting.map(async ({ id }) => (await why(id)).position))))
    .toEqual([1, 2]);
  for (const [index, { id }] of waiting.entries())
    expect(await why(id)).toMatchObject({
      reason: "deployment_full",
      // The worker has room for one more.
      detail: `The deployment's concurrency limit has no slot for this run yet: 1 of 1 are taken.${index === 0 ? "" : " It needs a worker with room for it, too."}`,
      blocking: { kind: "limit", name },
      help: `sluice gcl update ${name} --limit ${2 + index}`,
    });
  // Nobody has claimed these: they come behind those who wait, one after the other.
  const later = [await submit(), await submit()];
  for (const [index, { id }] of later.entries())
    expect(await why(id)).toMatchObject({
      reason: "deployment_full",
      detail:
        "The deployment's concurrency limit has no slot for this run yet: 1 of 1 are taken. It needs a worker with room for it, too.",
      help: `sluice gcl update ${name} --limit ${4 + index}`,
    });
  await must("PATCH", `${LIMITS}/${name}`, { limit: 2 });
  await expect.poll(async () => (await why(waiting[0]?.id ?? "")).reason).toBe("workers_busy");
  expect((await why(waiting[1]?.id ?? "")).help).toBe(`sluice gcl update ${name} --limit 3`);
});

test("a run that waits for its deployment's limit is told what else it needs, and another one that it needs that limit", async () => {
  const { deployment, submit, claim } = await open("needy", 1, 1);
  const [, parked] = [await submit(), await submit()];
  // Both ask the limit; the first one gets the slot, and with it the only room of the worker.
  await expect.poll(async () => (await claim(1)).length).toBe(1);
  const full = "The deployment's concurrency limit has no slot for this run yet: 1 of 1 are taken.";
  const limit = `deployment:${deployment.id}`;
  await expect
    .poll(() => why(parked.id))
    .toMatchObject({
      reason: "deployment_full",
      detail: `${full} It needs a worker with room for it, too.`,
      help: `sluice gcl update ${limit} --limit 2`,
    });
  const later = await submit();
  const setPool = (update: object) => must("PATCH", "/work_pools/needy", update);
  await setPool({ concurrency_limit: 2 });
  expect((await why(parked.id)).detail).toBe(`${full} It needs a worker with room for it, too.`);
  expect((await why(later.id)).detail).toBe(
    `${full} It needs a slot of its work pool and a worker with room for it, too.`,
  );
  await setPool({ concurrency_limit: 1, is_paused: true });
  expect((await why(parked.id)).detail).toBe(
    `${full} It needs its work pool to be resumed, a slot of its work pool and a worker with room for it, too.`,
  );
  const others = "a worker with room for it and a slot of its deployment, too.";
  expect((await why(later.id)).detail).toBe(
    `The work pool needy is paused. It needs a slot of its work pool, ${others}`,
  );
  await setPool({ is_paused: false });
  expect((await why(later.id)).detail).toBe(
    `The only slot of the work pool needy is taken. It needs ${others}`,
  );
});

test("a worker more is told not to be enough where a run comes behind others who take the last slots", async () => {
  const { deployment, submit, begin } = await open("behind", 1);
  expect(await begin(1)).toHaveLength(1);
  const [next, last] = [await submit(), await submit()];
  const isClaimed = "The run is claimed as soon as a worker has room for it.";
  const said = async () => [(await why(next.id)).detail, (await why(last.id)).detail];
  const lacking = (what: string) => [
    isClaimed,
    `${isClaimed} One run of its queue is before it. It needs ${what}, too.`,
  ];
  await must("PATCH", "/work_pools/behind", { concurrency_limit: 2 });
  expect(await said()).toEqual(lacking("a slot of its work pool"));
  await must("PATCH", "/work_pools/behind", { concurrency_limit: null });
  await must("PATCH", "/work_pools/behind/queues/default", { concurrency_limit: 2 });
  expect(await said()).toEqual(lacking("a slot of its work queue"));
  await must("PATCH", "/work_pools/behind/queues/default", { concurrency_limit: null });
  await must("PATCH", `/deployments/${deployment.id}`, { concurrency_limit: 1 });
  await expect.poll(said).toEqual(lacking("a slot of its deployment"));
});
