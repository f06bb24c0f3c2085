import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { concurrency, createClient, type Client } from "../../src/client/index.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const SLUICE = fileURLToPath(new URL("../../bin/sluice.js", import.meta.url));
let server: TestServer;
let client: Client;
let folder: string;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-exec-"));
  server = await startTestServer();
  client = createClient({ apiUrl: `${server.url}/api` });
  await client.limits.create({ name: "gpu", limit: 1, slot_names: ["GPU-a"] });
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

function startExec(...args: string[]) {
  const child = spawn(process.execPath, [SLUICE, "exec", ...args], {
    env: { ...process.env, SLUICE_API_URL: `${server.url}/api`, SLUICE_HOME: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  const exited = new Promise<number | string | null>((resolve) =>
    child.once("exit", (code, signal) => resolve(signal ?? code)),
  );
  const done = Promise.all([exited, text(child.stdout), text(child.stderr)]).then(
    ([code, stdout, stderr]) => ({ code, stdout, stderr }),
  );
  return { child, done };
}

async function waitForLine(length: number): Promise<void> {
  await expect
    .poll(async () => (await client.limits.waiters("gpu")).length, { timeout: 15_000 })
    .toBe(length);
}

async function readHolders(): Promise<number> {
  return (await client.limits.holders("gpu")).length;
}

/** A command that says that it runs by making a file, and then runs on. */
function runsUntilStopped(marker: string): string[] {
  return ["sh", "-c", `touch ${marker}; while :; do sleep 0.05; done`];
}

test("the command finds its grant in its environment; its exit code is passed on and the slot given back", async () => {
  const { code, stdout, stderr } = await startExec(
    "--limit",
    "gpu",
    "--",
    "sh",
    "-c",
    'echo "$SLUICE_SLOTS $SLUICE_SLOT_NAMES ${SLUICE_FENCE:+fence} ${#SLUICE_LEASE_ID}"; exit 7',
  ).done;
  expect({ code, stdout, stderr }).toEqual({ code: 7, stdout: "1 GPU-a fence 36\n", stderr: "" });
  expect(await readHolders()).toBe(0);
});

test("it says what it waits for, and runs when its turn comes", async () => {
  const held = await concurrency("gpu", { client });
  const { done } = startExec("--limit", "gpu", "--", "echo", "my turn");
  await waitForLine(1);
  await held.release();
  const { code, stdout, stderr } = await done;
  expect(code).toBe(0);
  expect(stdout).toBe("my turn\n");
  expect(stderr).toContain("Waiting for gpu: place 1 in line.");
});

test("a timeout ends with 124, a signal while waiting with 128 + n, and the place is given up", async () => {
  await using _held = await concurrency("gpu", { client });
  const late = await startExec("--limit", "gpu", "--timeout", "0.2s", "--", "echo", "never").done;
  expect(late).toMatchObject({ code: 124, stdout: "" });
  const waiting = startExec("--limit", "gpu", "--", "echo", "never");
  await waitForLine(1);
  waiting.child.kill("SIGTERM");
  expect(await waiting.done).toMatchObject({ code: 143, stdout: "" });
  await waitForLine(0);
});

test("a signal is the command's; the code tells of it", async () => {
  const marker = join(folder, "signalled");
  const { child, done } = startExec("--limit", "gpu", "--", ...runsUntilStopped(marker));
  await expect.poll(() => existsSync(marker), { timeout: 15_000 }).toBe(true);
  child.kill("SIGTERM");
  expect((await done).code).toBe(143);
  expect(await readHolders()).toBe(0);
});

test("when the lease is lost the command is stopped, also one that does not listen", async () => {
  const marker = join(folder, "deaf");
  const { done } = startExec(
    "--limit",
    "gpu",
    "--lease",
    "5s",
    "--grace",
    "0.2s",
    "--",
    "sh",
    "-c",
    `trap '' TERM; touch ${marker}; while :; do sleep 0.05; done`,
  );
  await expect.poll(() => existsSync(marker), { timeout: 15_000 }).toBe(true);
  const [lease] = await client.limits.holders("gpu");
  await client.limits.forceRelease(lease?.lease_id ?? "");
  const { code, stderr } = await done;
  expect(code).toBe(75);
  expect(stderr).toContain("ended by the server");
});

test("mistakes are named: no such limit, no such command", async () => {
  const unlimited = await startExec("--limit", "gpuu", "--", "echo", "never").done;
  expect(unlimited).toMatchObject({ code: 1, stdout: "" });
  expect(unlimited.stderr).toContain("sluice gcl create gpuu");
  const missing = await startExec("--limit", "gpu", "--", "no-such-command-here").done;
  expect(missing.code).toBe(127);
  expect(missing.stderr).toContain("no-such-command-here was not found");
  expect(await readHolders()).toBe(0);
});
