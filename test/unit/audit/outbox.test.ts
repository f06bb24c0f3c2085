/** An act reaches the audit list once, whatever dies or is lost between the two objects. */
import { expect, test } from "vitest";
import { addressOfWorkspace, ENVELOPE_VERSION, type Envelope } from "../../../src/contract/envelope.ts";
import { refuse, type Result } from "../../../src/contract/errors.ts";
import type { AuditEntry } from "../../../src/contract/wire/audit.ts";
import { OUTBOX_TABLE } from "../../../src/objects/shared/outbox.ts";
import { migrate } from "../../../src/objects/shared/sql.ts";
import { migrations } from "../../../src/objects/workspace/migrations.ts";
import { WorkspaceActor } from "../../../src/objects/workspace/actor.ts";
import { LimitWorld, START, WORKSPACE } from "../../support/limit-world.ts";
import { createNodeHost } from "../../support/node-host.ts";

function makeWorld() {
  const clock = { now: START };
  const workspace = new WorkspaceActor(createNodeHost({ address: addressOfWorkspace(WORKSPACE), clock }));
  const network = { isDown: false, losesAnswers: 0 };
  const world = new LimitWorld("gpu", clock, async (envelope: Envelope): Promise<Result<unknown>> => {
    if (envelope.address.kind !== "workspace") return { ok: true, value: null };
    if (network.isDown) return refuse("unavailable");
    const answer = await workspace.execute(envelope);
    if (network.losesAnswers === 0 || envelope.operation !== "note_act") return answer;
    network.losesAnswers -= 1;
    return refuse("unavailable");
  });
  const act = (operation: string, command: unknown, request_id: string) =>
    world.actor.execute({
      v: ENVELOPE_VERSION,
      address: world.host.address,
      actor: "alice",
      is_act: true,
      request_id,
      operation,
      command,
    });
  const list = async () => {
    const command = { act: "limit.", target: null, actor: null, since: null, before_seq: null, limit: 200 };
    const result = await workspace.execute({
      v: ENVELOPE_VERSION,
      address: addressOfWorkspace(WORKSPACE),
      actor: "test",
      request_id: "",
      operation: "list_audit",
      command,
    });
    return (result as { value: AuditEntry[] }).value.map(({ act: what, actor }) => `${actor} ${what}`);
  };
  return { world, network, act, list };
}

test("an act survives the death of its object before it was told", async () => {
  const { world, network, act, list } = makeWorld();
  network.isDown = true;
  void act("create", { name: "gpu", limit: 1 }, "create");
  await world.pass(1000);
  await act("update", { limit: 2 }, "update");
  await world.restart();
  await world.pass(60_000);
  expect(await list()).toEqual([]);
  network.isDown = false;
  await world.restart();
  await world.pass(60_000);
  expect(await list()).toEqual(["alice limit.update", "alice limit.create"]);
});

test("an act whose acknowledgements are lost is told again and written once", async () => {
  const { world, network, act, list } = makeWorld();
  network.losesAnswers = 5;
  void act("create", { name: "gpu", limit: 1 }, "create");
  await world.pass(60_000);
  await act("update", { limit: 2 }, "update");
  await act("update", { limit: 2 }, "update");
  await world.pass(60_000);
  expect(await list()).toEqual(["alice limit.update", "alice limit.create"]);
  expect(world.sent.filter(({ operation }) => operation === "note_act").length).toBeGreaterThan(2);
});

test("entries of the release before stay readable, beside those it still writes", async () => {
  const clock = { now: START };
  const host = createNodeHost({ address: addressOfWorkspace(WORKSPACE), clock });
  const before = migrations.findIndex((script) => script.includes("ALTER TABLE audit"));
  migrate(host.sql, [OUTBOX_TABLE, ...migrations.slice(0, before)]);
  const write = (operation: string, name: string) =>
    host.sql.all(
      "INSERT INTO audit (at, actor, operation, kind, id, name) VALUES (?, ?, ?, ?, ?, ?) RETURNING seq",
      START,
      "bob",
      operation,
      "deployment",
      "1",
      name,
    );
  write("put_deployment", "old");
  const workspace = new WorkspaceActor(host);
  write("update_deployment", "also old");
  const command = {
    act: "deployment.",
    target: null,
    actor: null,
    since: START,
    before_seq: null,
    limit: 200,
  };
  const list = await workspace.execute({
    v: ENVELOPE_VERSION,
    address: host.address,
    actor: "test",
    request_id: "",
    operation: "list_audit",
    command,
  });
  expect(list).toMatchObject({
    value: [
      { act: "deployment.update", target: { name: "also old" }, changes: null, request_id: null },
      { act: "deployment.put", target: { kind: "deployment", id: "1", name: "old" }, actor: "bob" },
    ],
  });
});

test("what no person did leaves no effect", async () => {
  const { world, list } = makeWorld();
  void world.must("create", { name: "gpu", limit: 1 });
  await world.pass(1000);
  await world.must("update", { limit: 2, active_slots: 1 });
  await world.pass(1000);
  expect(await list()).toEqual([]);
  expect(world.sent.map(({ operation }) => operation)).not.toContain("note_act");
});
