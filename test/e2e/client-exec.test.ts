import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { concurrency, createClient, type Client } from "../../src/client/index.ts";
import { readStartMark } from "../../worker-agent/process-identity.ts";
import { findWorkerd } from "../support/processes.ts";
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
  return start(process.execPath, [SLUICE, "exec", ...args], "ignore");
}

/** The same in a terminal of its own; what is written to stdin is typed. */
function startExecInTerminal(...args: string[]) {
  const words = [process.execPath, SLUICE, "exec", ...args];
  const line = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  // Without exec the shell that reads the line may stay in between, get Ctrl-C too, and end in its own way.
  return start(
    "script",
    ["--quiet", "--return", "--flush", "--command", `exec ${line}`, "/dev/null"],
    "pipe",
  );
}

function start(program: string, args: string[], stdin: "ignore" | "pipe") {
  const child = spawn(program, args, {
    env: { ...process.env, SLUICE_API_URL: `${server.url}/api`, SLUICE_HOME: folder },
    stdio: [stdin, "pipe", "pipe"],
  });
  children.add(child);
  const exited = new Promise<number | string | null>((resolve) =>
    child.once("exit", (code, signal) => resolve(signal ?? code)),
  );
  const done = Promise.all([exited, textOf(child.stdout), textOf(child.stderr)]).then(
    ([code, stdout, stderr]) => ({ code, stdout, stderr }),
  );
  return { child, done };
}

function textOf(stream: Readable | null): Promise<string> | string {
  return stream === null ? "" : text(stream);
}

async function waitForLine(length: number): Promise<void> {
  await expect.poll(async () => (await client.limits.waiters("gpu")).length).toBe(length);
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

test("it waits on, and runs, though nobody hears any more what it says", async () => {
  const held = await concurrency("gpu", { client });
  const { child, done } = startExec("--limit", "gpu", "--", "sh", "-c", "exit 5");
  const exit = once(child, "exit");
  child.stderr?.destroy();
  await expect(done).rejects.toThrow("Premature close");
  await waitForLine(1);
  await held.release();
  expect(await exit).toEqual([5, null]);
});

test("it says so when its place in line changes", async () => {
  await using _held = await concurrency("gpu", { client });
  const first = startExec("--limit", "gpu", "--", "true");
  await waitForLine(1);
  const second = startExec("--limit", "gpu", "--", "true");
  let said = "";
  second.child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await expect.poll(() => said).toContain("place 2 in line");
  first.child.kill("SIGTERM");
  await expect.poll(() => said).toContain("place 1 in line");
  second.child.kill("SIGTERM");
  await Promise.all([first.done, second.done]);
  await waitForLine(0);
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
  await expect.poll(() => existsSync(marker)).toBe(true);
  child.kill("SIGTERM");
  expect((await done).code).toBe(143);
  expect(await readHolders()).toBe(0);
});

test("a signal that comes when the command has ended does not keep the slot from being given back", async () => {
  const file = join(folder, "ended");
  const script = `echo $$ >${file}.draft; mv ${file}.draft ${file}; read line; exit 5`;
  const { child, done } = start(
    process.execPath,
    [SLUICE, "exec", "--limit", "gpu", "--", "sh", "-c", script],
    "pipe",
  );
  await expect.poll(() => existsSync(file)).toBe(true);
  const workerd = await findWorkerd(server.dataDir);
  process.kill(workerd, "SIGSTOP");
  try {
    child.stdin?.end("\n");
    await expect.poll(() => readStartMark(Number(readFileSync(file, "utf8")))).toBe(undefined);
    for (const signal of ["SIGINT", "SIGTERM", "SIGUSR1"] as const) child.kill(signal);
  } finally {
    process.kill(workerd, "SIGCONT");
  }
  expect((await done).code).toBe(5);
  expect(await readHolders()).toBe(0);
});

test("when the lease is lost the command is stopped, also one that does not listen", async () => {
  const marker = join(folder, "deaf");
  const { done } = startExec(
    "--limit",
    "gpu",
    "--lease",
    "60s",
    "--grace",
    "0.2s",
    "--",
    "sh",
    "-c",
    `trap '' TERM; touch ${marker}; while :; do sleep 0.05; done`,
  );
  await expect.poll(() => existsSync(marker)).toBe(true);
  const [lease] = await client.limits.holders("gpu");
  await client.limits.forceRelease(lease?.lease_id ?? "");
  const { code, stderr } = await done;
  expect(code).toBe(75);
  expect(stderr).toContain("ended by the server");
});

/** Starts a command that has deaf processes in its group and outside of it; returns when they run. */
async function startDeaf(name: string, lease: string, begin: typeof startExec) {
  const files = ["child", "daemon"].map((file) => join(folder, `${name}-${file}`));
  const deaf = `trap '' TERM; echo $$ >$0.draft; mv $0.draft $0; while :; do sleep 0.05; done`;
  const { child, done } = begin(
    ...`--limit gpu --lease ${lease} --grace 0.3s -- sh -c`.split(" "),
    `sh -c "$0" ${files[0]} & setsid sh -c "$0" ${files[1]} & wait`,
    deaf,
  );
  await expect.poll(() => files.every((file) => existsSync(file))).toBe(true);
  const pids = files.map((file) => Number(readFileSync(file, "utf8")));
  return { child, done, readLeft: () => pids.filter((pid) => readStartMark(pid) !== undefined) };
}

/** The same when its lease is lost; returns when it is over. */
async function loseLease(name: string, begin: typeof startExec) {
  const { done, readLeft } = await startDeaf(name, "60s", begin);
  const [lease] = await client.limits.holders("gpu");
  await client.limits.forceRelease(lease?.lease_id ?? "");
  // The server says so at once, by a socket.
  return { ...(await done), left: readLeft() };
}

test("when the lease is lost, nothing that the command has started is left, in or outside of its group", async () => {
  expect(await loseLease("plain", startExec)).toMatchObject({ code: 75, left: [] });
});

test("nor in a terminal, where the command shares our group", async () => {
  expect(await loseLease("terminal", startExecInTerminal)).toMatchObject({ code: 75, left: [] });
});

test("nor when the wrapper itself is killed; somebody else has the slot when its lease is over", async () => {
  const { child, readLeft } = await startDeaf("orphan", "5s", startExec);
  child.kill("SIGKILL");
  await expect.poll(readLeft).toEqual([]);
  expect(await startExec("--limit", "gpu", "--", "true").done).toMatchObject({ code: 0 });
});

test("nor when the wrapper alone is frozen for longer than its lease", async () => {
  const { child, done, readLeft } = await startDeaf("frozen", "5s", startExec);
  const next = startExec("--limit", "gpu", "--", "true").done.then(({ code }) => ({
    code,
    left: readLeft(),
  }));
  child.kill("SIGSTOP");
  expect(await next).toEqual({ code: 0, left: [] });
  child.kill("SIGCONT");
  expect((await done).code).toBe(75);
});

test("nor when the wrapper is killed before it knows that the command has started", async () => {
  const file = join(folder, "early");
  const script = `trap '' TERM; echo $$ >${file}.draft; kill -KILL $PPID; mv ${file}.draft ${file}; while :; do sleep 0.05; done`;
  // Who is killed so early holds its slot for the whole lease, which no other test has to wait for.
  await client.limits.create({ name: "early", limit: 1 });
  const { done } = startExec(..."--limit early --lease 5s --grace 0.3s -- sh -c".split(" "), script);
  await expect.poll(() => existsSync(file)).toBe(true);
  const pid = Number(readFileSync(file, "utf8"));
  await expect.poll(() => readStartMark(pid)).toBe(undefined);
  expect((await done).code).toBe("SIGKILL");
});

test("in a terminal Ctrl-C is the command's, once, and so is what is typed", async () => {
  const marker = join(folder, "typed");
  const script = `trap 'echo INT >>${marker}; exit 5' INT; read line; echo "$line" >${marker}; while :; do sleep 0.05; done`;
  const { child, done } = startExecInTerminal("--limit", "gpu", "--", "sh", "-c", script);
  const isThere = () => existsSync(marker);
  await expect.poll(async () => await readHolders()).toBe(1);
  child.stdin?.write("hello\n");
  await expect.poll(isThere).toBe(true);
  child.stdin?.write("\x03");
  expect((await done).code).toBe(5);
  expect(readFileSync(marker, "utf8")).toBe("hello\nINT\n");
  expect(await readHolders()).toBe(0);
});

test("where no more files can be opened it says that the command cannot be run", async () => {
  const script = `
    import { openSync } from "node:fs";
    import { runChild } from ${JSON.stringify(new URL("../../src/cli/exec/child.ts", import.meta.url))};
    const fill = () => { for (;;) openSync("/dev/null"); };
    try { fill() } catch {}
    const stop = new AbortController().signal;
    await runChild(["true"], { env: {}, mark: "A=b", stop, graceMs: 0, leftSeconds: () => 60 }).catch(({ message }) => console.log(message));`;
  const line = 'ulimit -n 64; exec "$@"';
  const words = [process.execPath, "--input-type=module", "--eval", script];
  const { stdout } = await start("/bin/sh", ["-c", line, "sh", ...words], "ignore").done;
  expect(stdout).toBe("The command true cannot be run (EMFILE).\n");
});

test("mistakes are named: no such limit, too many slots, an impossible lease, no such command", async () => {
  const tooMany = await startExec(..."--limit gpu --occupy 99 -- true".split(" ")).done;
  expect(tooMany).toMatchObject({ code: 1, stdout: "" });
  expect(tooMany.stderr).toContain("sluice gcl update NAME --limit N");
  const tooShort = await startExec(..."--limit gpu --lease 1s -- true".split(" ")).done;
  expect(tooShort).toMatchObject({ code: 2, stdout: "" });
  expect(tooShort.stderr).toContain("--lease may be 5s to 1d");
  const tooSlow = await startExec(..."--limit gpu --lease 60s --grace 1m -- true".split(" ")).done;
  expect(tooSlow).toMatchObject({ code: 2, stdout: "" });
  expect(tooSlow.stderr).toContain("--grace may be 24s at most with such a lease");
  const unlimited = await startExec("--limit", "gpuu", "--", "echo", "never").done;
  expect(unlimited).toMatchObject({ code: 1, stdout: "" });
  expect(unlimited.stderr).toContain("sluice gcl create gpuu");
  const missing = await startExec("--limit", "gpu", "--", "no-such-command-here").done;
  expect(missing.code).toBe(127);
  expect(missing.stderr).toContain("no-such-command-here was not found");
  expect(await readHolders()).toBe(0);
});
