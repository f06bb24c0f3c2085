/** Watching a run while its server is killed and started again. */
import type { ChildProcess } from "node:child_process";
import { expect, test } from "vitest";
import { useCommandLine } from "../support/command-line.ts";
import { collect, spawnSluice } from "../support/sluice.ts";

const cli = useCommandLine();

test("logs and states are followed across a restart of the server", async () => {
  const { api, server, env } = cli;
  const flow = await api.http.post<{ id: string }>("/flows/", { name: "long" });
  const run = await api.http.post<{ id: string }>("/flow_runs/", {
    flow_id: flow.id,
    name: "long-one",
    state: { type: "RUNNING" },
  });
  const say = (message: string) =>
    api.http.post("/logs/", [
      { name: "test", level: 20, message, timestamp: new Date().toISOString(), flow_run_id: run.id },
    ]);
  await say("before");
  const following = spawnSluice(["flow-run", "logs", run.id, "--follow"], { env });
  const watching = spawnSluice(["flow-run", "watch", run.id], { env });
  const outcomes = Promise.all([collect(following), collect(watching)]);
  await Promise.all([following, watching].map((child) => said(child.stdout, "before")));
  const silences = Promise.all(
    [following, watching].map((child) => said(child.stderr, "waiting for the server")),
  );
  await server.kill9();
  await silences;
  await server.restart();
  await say("after");
  await api.http.post(`/flow_runs/${run.id}/set_state`, { state: { type: "COMPLETED" } });
  const [logs, watched] = await outcomes;
  expect(logs).toMatchObject({ exitCode: 0 });
  expect(logs.stdout.match(/before|after/g)).toEqual(["before", "after"]);
  expect(watched).toMatchObject({ exitCode: 0 });
  expect(watched.stdout).toMatch(/before[^]*after[^]*ended as Completed/);
});

/** Resolves once a stream has said a text; never where it does not, and the test's own bound ends that. */
function said(stream: ChildProcess["stdout"], text: string): Promise<void> {
  return new Promise((resolve) => {
    let seen = "";
    stream?.on("data", (chunk: Buffer | string) => {
      seen += chunk.toString();
      if (seen.includes(text)) resolve();
    });
  });
}
