import { env } from "cloudflare:workers";
import { evictDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import {
  addressOfName,
  addressOfWorkspace,
  ENVELOPE_VERSION,
  formatAddress,
} from "../../src/contract/envelope.ts";
import type { Result } from "../../src/contract/errors.ts";
import type { ObjectRpc } from "../../src/objects/shared/stub.ts";
import type { DirectoryEntry, WorkspaceOperations } from "../../src/objects/workspace/operations.ts";

let workspaces = 0;

/** A workspace of its own for each test, called as the Worker does. */
function openWorkspace() {
  workspaces += 1;
  const workspace = `w${workspaces}`;
  const address = addressOfWorkspace(workspace);
  const stub = env.WORKSPACE.getByName(formatAddress(address));
  const object = stub as unknown as ObjectRpc;
  const ask = async <Operation extends keyof WorkspaceOperations>(
    operation: Operation,
    command: WorkspaceOperations[Operation]["command"],
  ) => {
    const request_id = crypto.randomUUID();
    const result = await object.execute({
      v: ENVELOPE_VERSION,
      address,
      actor: "test",
      request_id,
      operation,
      command,
    });
    return result as Result<WorkspaceOperations[Operation]["answer"]>;
  };
  return { workspace, stub, ask };
}

function makeEntry(workspace: string, name: string): DirectoryEntry {
  return { id: crypto.randomUUID(), name, key: addressOfName(workspace, "limit", name).key };
}

test("the directory lists by name, page by page, and survives eviction", async () => {
  const { workspace, stub, ask } = openWorkspace();
  const entries = ["c", "a", "b"].map((name) => makeEntry(workspace, name));
  for (const entry of entries) {
    await ask("register", { kind: "limit", entry });
    await ask("register", { kind: "limit", entry });
  }
  await evictDurableObject(stub);
  const [c, a, b] = entries;
  expect(await ask("list_directory", { kind: "limit", after_name: "", limit: 2 })).toEqual({
    ok: true,
    value: [a, b],
  });
  expect(await ask("list_directory", { kind: "limit", after_name: "b", limit: 2 })).toEqual({
    ok: true,
    value: [c],
  });
  expect(await ask("list_directory", { kind: "pool", after_name: "", limit: 2 })).toEqual({
    ok: true,
    value: [],
  });
  expect(await ask("find_directory", { kind: "limit", names: ["c", "zz", "a"] })).toEqual({
    ok: true,
    value: [a, c],
  });
});

test("an entry that was made again is not taken out by its predecessor's end", async () => {
  const { workspace, ask } = openWorkspace();
  const [older, newer] = [makeEntry(workspace, "a"), makeEntry(workspace, "a")];
  await ask("register", { kind: "limit", entry: older });
  await ask("register", { kind: "limit", entry: newer });
  await ask("unregister", { kind: "limit", name: "a", id: older.id });
  expect(await ask("find_directory", { kind: "limit", names: ["a"] })).toEqual({ ok: true, value: [newer] });
  await ask("unregister", { kind: "limit", name: "a", id: newer.id });
  expect(await ask("find_directory", { kind: "limit", names: ["a"] })).toEqual({ ok: true, value: [] });
});
