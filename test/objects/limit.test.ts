import { expect, test } from "vitest";
import { LimitHistory } from "../../src/contract/wire/limits.ts";
import { send } from "./support/send.ts";

const LIMITS = "/v2/concurrency_limits";

test("a limit is created, found in the list right after, changed and deleted", async () => {
  const created = await send("POST", `${LIMITS}/`, { name: "gpu:a", limit: 2 });
  expect(created.status).toBe(201);
  expect(created.body).toMatchObject({ name: "gpu:a", limit: 2, active: true, active_slots: 0 });
  expect((await send("POST", `${LIMITS}/filter`, { limit: 100, offset: 0 })).body).toMatchObject([
    { name: "gpu:a" },
  ]);
  expect((await send("GET", `${LIMITS}/gpu:a`)).body.id).toBe(created.body.id);
  expect((await send("GET", `${LIMITS}/${created.body.id}`)).body.name).toBe("gpu:a");
  expect((await send("POST", `${LIMITS}/`, { name: "gpu:a", limit: 2 })).status).toBe(409);
  expect((await send("PATCH", `${LIMITS}/gpu:a`, { limit: 3 })).status).toBe(204);
  expect((await send("GET", `${LIMITS}/gpu:a`)).body.limit).toBe(3);
  expect((await send("PATCH", `${LIMITS}/gpu:a`, { name: "other" })).status).toBe(422);
  expect((await send("DELETE", `${LIMITS}/gpu:a`)).status).toBe(204);
  expect(await send("GET", `${LIMITS}/gpu:a`)).toMatchObject({
    status: 404,
    body: { detail: "Concurrency Limit not found" },
  });
  expect((await send("POST", `${LIMITS}/filter`, {})).body).toEqual([]);
});

test("Prefect's clients take, renew and give back slots", async () => {
  await send("POST", `${LIMITS}/`, { name: "gpu:b", limit: 1 });
  const wanted = { names: ["gpu:b"], slots: 1, mode: "concurrency", lease_duration: 300 };
  const one = await send("POST", `${LIMITS}/increment-with-lease`, wanted, { "prefect-csrf-client": "one" });
  expect(one.status).toBe(200);
  expect(one.body.limits).toMatchObject([{ name: "gpu:b", limit: 1 }]);
  const two = await send("POST", `${LIMITS}/increment-with-lease`, wanted, { "prefect-csrf-client": "two" });
  expect(two.status).toBe(423);
  expect(Number(two.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(Number(two.headers.get("retry-after"))).toBeLessThan(1);
  expect(
    (await send("POST", `${LIMITS}/leases/${one.body.lease_id}/renew`, { lease_duration: 300 })).status,
  ).toBe(204);
  const release = () =>
    send("POST", `${LIMITS}/decrement-with-lease`, { lease_id: one.body.lease_id as string });
  expect((await release()).status).toBe(204);
  expect((await release()).status).toBe(204);
  expect(
    (await send("POST", `${LIMITS}/leases/${one.body.lease_id}/renew`, { lease_duration: 300 })).status,
  ).toBe(410);
});

test("an unknown limit lets its callers through with a lease that holds nothing", async () => {
  for (const names of [["nobody"], ["tag:nobody"], ["x", "y"]]) {
    const granted = await send("POST", `${LIMITS}/increment-with-lease`, { names, slots: 1 });
    expect(granted).toMatchObject({ status: 200, body: { limits: [] } });
    const { lease_id } = granted.body as { lease_id: string };
    expect((await send("POST", `${LIMITS}/leases/${lease_id}/renew`, { lease_duration: 60 })).status).toBe(
      204,
    );
    expect((await send("POST", `${LIMITS}/decrement-with-lease`, { lease_id })).status).toBe(204);
  }
  const nothing = await send("POST", `${LIMITS}/increment-with-lease`, { names: [], slots: 1 });
  expect(nothing.status).toBe(422);
  const foreign = crypto.randomUUID();
  expect((await send("POST", `${LIMITS}/leases/${foreign}/renew`, {})).status).toBe(410);
  expect((await send("POST", `${LIMITS}/decrement-with-lease`, { lease_id: foreign })).status).toBe(204);
});

test("a held request is told that its turn has come, and its next one takes the slot", async () => {
  await send("POST", `${LIMITS}/`, { name: "gpu:c", limit: 1 });
  const ask = (request_id: string, wait_seconds: number) =>
    send("POST", `${LIMITS}/acquire`, { names: ["gpu:c"], request_id, wait_seconds });
  const first = await ask("first", 0);
  expect(first.body.status).toBe("granted");
  const held = ask("second", 20);
  await expect.poll(async () => (await send("GET", `${LIMITS}/gpu:c/waiters`)).body.length).toBe(1);
  await send("POST", `${LIMITS}/leases/${first.body.lease_id}/release`);
  expect((await held).body).toMatchObject({ status: "waiting", reason: "offered", retry_after_seconds: 0 });
  const second = await ask("second", 0);
  expect(second.body.status).toBe("granted");
  expect(second.body.fence).toBeGreaterThan(first.body.fence);
  expect((await ask("second", 0)).body.lease_id).toBe(second.body.lease_id);
  expect((await ask("first", 0)).status).toBe(410);
});

test("who held the slots of a limit is told by name and id, of as many and as far back as one asks", async () => {
  const { id } = (await send("POST", `${LIMITS}/`, { name: "gpu:h", limit: 1 })).body;
  const holder = { type: "flow_run", id: crypto.randomUUID() };
  for (const request_id of ["one", "two"]) {
    const wanted = { names: ["gpu:h"], request_id, holder, note: request_id };
    const { lease_id } = (await send("POST", `${LIMITS}/acquire`, wanted)).body;
    await send("POST", `${LIMITS}/decrement-with-lease`, { lease_id: lease_id as string });
  }
  for (const name of ["gpu:h", String(id)]) {
    const { status, body } = await send("GET", `${LIMITS}/${name}/history`);
    expect(status).toBe(200);
    expect(LimitHistory.parse(body).leases).toMatchObject([
      { note: "one", ended_by: "holder", flow_run_id: holder.id, holder },
      { note: "two", ended_by: "holder", flow_run_id: holder.id, holder },
    ]);
  }
  expect((await send("GET", `${LIMITS}/gpu:h/history?seconds=60&limit=1`)).body).toMatchObject({
    leases: [{ note: "two" }],
  });
  for (const query of ["seconds=901", "seconds=x", "limit=0", "limit=1001"])
    expect((await send("GET", `${LIMITS}/gpu:h/history?${query}`)).status).toBe(422);
  expect((await send("GET", `${LIMITS}/nobody/history`)).status).toBe(404);
  await send("POST", `${LIMITS}/`, { name: "decays", limit: 1, slot_decay_per_second: 1 });
  expect((await send("GET", `${LIMITS}/decays/history`)).status).toBe(422);
});

test("a limit says what a change would do to its line, by name and id, and does not make it", async () => {
  const { body: made } = await send("POST", `${LIMITS}/`, { name: "gpu:p", limit: 2 });
  const ask = (request_id: string, slots: number) =>
    send("POST", `${LIMITS}/acquire`, { names: ["gpu:p"], request_id, slots, note: request_id });
  const { body: held } = await ask("holder", 2);
  for (const [request_id, slots] of [
    ["two", 2],
    ["one", 1],
  ] as const)
    await ask(request_id, slots);
  const preview = async (change: object, name = "gpu:p") =>
    (await send("POST", `${LIMITS}/${name}/preview_change`, change)).body;
  const nothing = {
    admits: 0,
    admits_with_others: 0,
    admitted: [],
    has_more: false,
    refuses: 0,
    refused: [],
    over: 0,
  };
  expect(await preview({ limit: 3 })).toEqual(nothing);
  expect(await preview({ limit: 5 }, made.id as string)).toMatchObject({
    admits: 2,
    admitted: [{ note: "two", slots: 2 }, { note: "one" }],
  });
  expect(await preview({ limit: 1 })).toMatchObject({ over: 1, refuses: 1, refused: [{ note: "two" }] });
  expect(await preview({ force_release: held.lease_id })).toMatchObject({ admits: 1 });
  expect((await send("POST", `${LIMITS}/gpu:p/preview_change`, { name: "other" })).status).toBe(422);
  expect((await send("POST", `${LIMITS}/nobody/preview_change`, {})).status).toBe(404);
  expect((await send("GET", `${LIMITS}/gpu:p`)).body).toMatchObject({
    limit: 2,
    active_slots: 2,
    waiting: 2,
  });
});

test("tag limits are a view over the limits named after them", async () => {
  const ROOT = "/concurrency_limits";
  expect((await send("POST", `${ROOT}/`, { tag: "t", concurrency_limit: 1 })).status).toBe(201);
  expect((await send("POST", `${ROOT}/`, { tag: "t", concurrency_limit: 2 })).status).toBe(200);
  const task_run_id = crypto.randomUUID();
  const taken = await send("POST", `${ROOT}/increment`, { names: ["t", "unlimited"], task_run_id });
  expect(taken.body).toMatchObject([{ name: "t", limit: 2 }]);
  expect((await send("POST", `${ROOT}/increment`, { names: ["t"], task_run_id })).status).toBe(200);
  expect((await send("GET", `${ROOT}/tag/t`)).body.active_slots).toEqual([task_run_id]);
  expect((await send("POST", `${ROOT}/decrement`, { names: ["t"], task_run_id })).status).toBe(200);
  expect((await send("GET", `${ROOT}/tag/t`)).body.active_slots).toEqual([]);
  expect((await send("POST", `${ROOT}/filter`, {})).body).toMatchObject([{ tag: "t" }]);
  expect(await send("POST", `${ROOT}/tag/t/reset`, { slot_override: null })).toMatchObject({
    status: 200,
    body: null,
  });
  expect((await send("DELETE", `${ROOT}/tag/t`)).status).toBe(200);
  expect((await send("DELETE", `${ROOT}/tag/t`)).status).toBe(404);
});

test("a tag limit names all its holders, however many", async () => {
  const ROOT = "/concurrency_limits";
  const slot_override = Array.from({ length: 401 }, () => crypto.randomUUID());
  await send("POST", `${ROOT}/`, { tag: "crowd", concurrency_limit: slot_override.length });
  await send("POST", `${ROOT}/tag/crowd/reset`, { slot_override });
  expect((await send("GET", `${ROOT}/tag/crowd`)).body.active_slots).toEqual(slot_override);
});
