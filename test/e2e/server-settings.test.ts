/** What the server is told by its environment reaches the objects. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startTestServer } from "../support/server.ts";
import { waitFor } from "../support/wait-for.ts";

test("a finished run moves to its journal when the server is told so, and is read from there", async () => {
  await using server = await startTestServer({ env: { SLUICE_MOVE_AFTER_SECONDS: "0" } });
  const call = async (method: string, path: string, body?: object) => {
    const response = await fetch(`${server.url}/api${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    expect(response.status, `${method} ${path}`).toBeLessThan(300);
    return (await response.json()) as { id: string; state: { id: string } };
  };
  const { id: flow_id } = await call("POST", "/flows/", { name: "short" });
  const { id, state } = await call("POST", "/flow_runs/", { flow_id, state: { type: "PENDING" } });
  await call("POST", `/flow_runs/${id}/set_state`, { state: { type: "COMPLETED" }, force: true });
  await waitFor(async () => {
    const journals = join(server.dataDir, "objects", "sluice-RunJournal");
    expect(readdirSync(journals).some((file) => file.endsWith(".sqlite"))).toBe(true);
  }, 20_000);
  expect(await call("GET", `/flow_runs/${id}`)).toMatchObject({ id, state_type: "COMPLETED" });
  expect(await call("GET", `/flow_run_states/${state.id}`)).toMatchObject({
    type: "PENDING",
  });
});
