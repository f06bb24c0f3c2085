import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { startScriptedServer, type SeenRequest } from "./scripted-server.ts";

const FLOW = fileURLToPath(new URL("../../fixtures/adding-flow.ts", import.meta.url));
const RUN = "0193f3e1-0000-7000-8000-000000000001";

async function runFlow(env: Record<string, string>) {
  const { SLUICE_API_URL: _, PREFECT_API_URL: __, ...inherited } = process.env;
  const child = spawn(process.execPath, [FLOW], {
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await exited, stdout, stderr };
}

/** The states that were proposed for the run. */
function proposedStates(requests: SeenRequest[]): Record<string, unknown>[] {
  return requests
    .filter(({ path }) => path === `/api/flow_runs/${RUN}/set_state`)
    .map(({ body }) => (body as { state: Record<string, unknown> }).state);
}

const accept = { status: 200, body: { status: "ACCEPT", state: null, details: { type: "accept_details" } } };

test("under an agent the run becomes Running, then Completed with its result", async () => {
  await using server = await startScriptedServer(() => accept);
  const ended = await runFlow({
    SLUICE_API_URL: server.apiUrl,
    SLUICE_FLOW_RUN_ID: RUN,
    SLUICE_RUN: `${RUN}/${RUN}/3`,
    SLUICE_PARAMETERS: '{"left":1,"right":2,"failures":1}',
  });
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  expect(ended.stdout).toMatch(/^WARNING Task add failed .*not yet.*try 2 of 2 in 0 s\.\nThe sum is 3\n$/);
  expect(proposedStates(server.requests)).toMatchObject([
    { type: "RUNNING" },
    { type: "COMPLETED", data: { type: "inline", value: { sum: 3 } } },
  ]);
  expect(server.requests[0]?.headers["sluice-run"]).toBe(`${RUN}/${RUN}/3`);
});

test("an error that nobody catches makes the run Failed with the stack, and the exit code 1", async () => {
  await using server = await startScriptedServer(() => accept);
  const ended = await runFlow({
    SLUICE_API_URL: server.apiUrl,
    SLUICE_FLOW_RUN_ID: RUN,
    SLUICE_PARAMETERS: '{"left":1,"right":2,"failures":2}',
  });
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain("not yet");
  const [, failed] = proposedStates(server.requests);
  expect(failed?.["type"]).toBe("FAILED");
  expect(failed?.["message"]).toMatch(/not yet[\s\S]*adding-flow\.ts/);
});

test("a failure that the server answers with a retry is run again in the same process", async () => {
  await using server = await startScriptedServer(({ body }) =>
    (body as { state: { type: string } }).state.type === "FAILED"
      ? {
          status: 200,
          body: {
            status: "REJECT",
            state: {
              type: "SCHEDULED",
              name: "AwaitingRetry",
              timestamp: "2026-01-01T00:00:00.000000Z",
              state_details: { scheduled_time: "2026-01-01T00:00:00.000000Z" },
            },
            details: { type: "reject_details", reason: "Retrying" },
          },
        }
      : accept,
  );
  const ended = await runFlow({
    SLUICE_API_URL: server.apiUrl,
    SLUICE_FLOW_RUN_ID: RUN,
    SLUICE_PARAMETERS: '{"left":1,"right":2,"failures":3}',
  });
  expect(ended.code).toBe(0);
  expect(proposedStates(server.requests).map(({ type }) => type)).toEqual([
    "RUNNING",
    "FAILED",
    "RUNNING",
    "COMPLETED",
  ]);
});

test("without a server the flow is a plain function; one that does not answer is warned of", async () => {
  const plain = await runFlow({});
  expect(plain).toMatchObject({ code: 0, stdout: "The sum is NaN\n", stderr: "" });
  const unreachable = await runFlow({ SLUICE_API_URL: "http://127.0.0.1:9/api" });
  expect(unreachable.code).toBe(0);
  expect(unreachable.stderr).toContain("runs without being recorded");
});

test("a run that was cancelled before its process began is not worked on", async () => {
  await using server = await startScriptedServer(() => ({
    status: 200,
    body: {
      status: "REJECT",
      state: { type: "CANCELLED", name: "Cancelled" },
      details: { type: "reject_details", reason: "This run was cancelled." },
    },
  }));
  const ended = await runFlow({
    SLUICE_API_URL: server.apiUrl,
    SLUICE_FLOW_RUN_ID: RUN,
    SLUICE_PARAMETERS: '{"left":1,"right":2}',
  });
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toContain("it is Cancelled");
});

test("under an agent a server that is away for a while costs no result", async () => {
  let failures = 6;
  await using server = await startScriptedServer(() => {
    failures -= 1;
    return failures >= 0 ? { status: 503, headers: { "retry-after": "0.01" } } : accept;
  });
  const ended = await runFlow({
    SLUICE_API_URL: server.apiUrl,
    SLUICE_FLOW_RUN_ID: RUN,
    SLUICE_RUN: `${RUN}/${RUN}/1`,
    SLUICE_PARAMETERS: '{"left":1,"right":2}',
  });
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  expect(proposedStates(server.requests).at(-1)).toMatchObject({ type: "COMPLETED" });
});
