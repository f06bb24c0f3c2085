/** What clients keep on the server beside runs is there again after everything was killed. */
import { expect, onTestFinished, test } from "vitest";
import { findServerProcesses, waitForNoProcesses } from "../support/processes.ts";
import { startTestServer } from "../support/server.ts";

interface Answer {
  status: number;
  // Each test knows what it asked for.
  body: Record<string, unknown> & { id: string; flow_run_id: string };
}

test("blocks, artifacts, saved searches and histories outlive the death of everything", async () => {
  const server = await startTestServer();
  onTestFinished(() => server.stop());
  const send = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await fetch(`${server.url}/api${path}`, {
      method,
      headers: { connection: "close" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === "" ? null : JSON.parse(text)) as Answer["body"] };
  };
  const type = (await send("POST", "/block_types/", { name: "Store", slug: "store" })).body;
  const fields = { title: "Store", block_type_slug: "store", secret_fields: ["token"] };
  const schema = (
    await send("POST", "/block_schemas/", { block_type_id: type.id, fields, capabilities: ["write-path"] })
  ).body;
  const saved = {
    block_type_id: type.id,
    block_schema_id: schema.id,
    name: "mine",
    data: { token: "t", path: "p" },
  };
  const block = (await send("POST", "/block_documents/", saved)).body;
  await send("PUT", "/admin/storage", { default_result_storage_block_id: block.id });
  const flow = (await send("POST", "/flows/", { name: "flow" })).body;
  const run = (await send("POST", "/flow_runs/", { flow_id: flow.id })).body;
  await send("POST", "/artifacts/", { key: "report", type: "markdown", data: "# one", flow_run_id: run.id });
  await send("POST", "/artifacts/", { key: "report", type: "markdown", data: "# two", flow_run_id: run.id });
  const search = (await send("PUT", "/saved_searches/", { name: "mine", filters: [] })).body;

  const { keepers, workerds } = await findServerProcesses(server.dataDir);
  for (const pid of [server.pid, ...keepers, ...workerds]) process.kill(pid, "SIGKILL");
  await waitForNoProcesses(server.dataDir);
  await server.restart();

  const read = async (path: string) => (await send("GET", path)).body;
  expect(await read("/block_types/slug/store/block_documents/name/mine?include_secrets=true")).toMatchObject({
    id: block.id,
    data: { token: "t", path: "p" },
  });
  expect(await read(`/block_schemas/checksum/${String(schema["checksum"])}`)).toMatchObject({
    id: schema.id,
  });
  expect(await read("/admin/storage")).toEqual({ default_result_storage_block_id: block.id });
  expect(await read("/artifacts/report/latest")).toMatchObject({ data: "# two", flow_run_id: run.id });
  const artifacts = { artifacts: { flow_run_id: { any_: [run.id] } } };
  expect((await send("POST", "/artifacts/count", artifacts)).body).toBe(2);
  expect(await read(`/saved_searches/${search.id}`)).toMatchObject({ name: "mine" });
  const cancelled = await send("POST", "/flow_runs/bulk_set_state", { state: { type: "CANCELLED" } });
  expect(cancelled.body["results"]).toMatchObject([{ flow_run_id: run.id, status: "ACCEPT" }]);
  expect((await send("POST", "/flow_runs/bulk_delete", {})).body).toEqual({ deleted: [run.id] });
});
