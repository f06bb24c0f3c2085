/** The embedded server as a person starts it: what it says, whom it lets in, how it ends. */
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { readServerRecord } from "../../src/server/server-record.ts";
import { findServerProcesses, findWorkerd, waitForNoProcesses } from "../support/processes.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait-for.ts";

const BIN = fileURLToPath(new URL("../../bin/sluice.js", import.meta.url));
const servers: TestServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function start(...options: Parameters<typeof startTestServer>): Promise<TestServer> {
  const server = await startTestServer(...options);
  servers.push(server);
  return server;
}

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the command line to its end. */
function sluice(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [BIN, ...args],
      { env: { ...process.env, ...env }, timeout: 20_000 },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Asks with headers that fetch does not let anybody choose. */
function askStatus(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
}

test("answers once it says that it is ready", async () => {
  const server = await start();
  const response = await fetch(`${server.url}/api/health`);
  expect(response.status).toBe(200);
  expect(await response.json()).toBe(true);
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(server.stderr).toBe("");
});

test("wants nothing of where it is started: no environment, and nobody who reads what it says", async () => {
  const dataDir = makeFolder();
  const child = spawn(process.execPath, [BIN, "server", "start", "--port", "0", "--data-dir", dataDir], {
    cwd: "/",
    env: {},
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await waitForNoProcesses(dataDir);
  });
  child.stdout.destroy();
  child.stderr.destroy();
  const { url } = await waitFor(() => readServerRecord(dataDir) ?? Promise.reject(new Error("It starts.")));
  // The second thing that it has to say.
  process.kill(await findWorkerd(dataDir), "SIGKILL");
  await waitFor(() => expect(readFileSync(join(dataDir, "server.log"), "utf8")).toContain("SIGKILL"));
  expect((await fetch(`${url}/api/health`)).status).toBe(200);
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("keeps the data folder to its user", async () => {
  const { dataDir } = await start();
  expect(statSync(dataDir).mode & 0o077).toBe(0);
});

test("refuses a second server on the same data, and says where the first is", async () => {
  const server = await start();
  const second = await sluice(["server", "start", "--port", "0", "--data-dir", server.dataDir]);
  expect(second).toMatchObject({ code: 1, stdout: "" });
  expect(second.stderr).toContain(`with pid ${server.pid} at ${server.url}`);
  expect(second.stderr.trim().split("\n")).toHaveLength(1);
  expect((await fetch(`${server.url}/api/health`)).status).toBe(200);
});

test("knows its data folder by any name", async () => {
  const server = await start();
  const link = join(makeFolder(), "link");
  symlinkSync(server.dataDir, link);
  const second = await sluice(["server", "start", "--port", "0", "--data-dir", link]);
  expect(second.stderr).toContain(`with pid ${server.pid} at ${server.url}`);
});

test("says what to do when the folder's lock is damaged", async () => {
  const dataDir = makeFolder();
  writeFileSync(join(dataDir, "lock.sqlite"), "no database, and long enough to be seen as none".repeat(100));
  const refused = await sluice(["server", "start", "--port", "0", "--data-dir", dataDir]);
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toContain("delete that file, and start again");
  expect(refused.stderr.trim().split("\n")).toHaveLength(1);
});

test.for([
  ["server.log", /^The data folder .* cannot be used \(EISDIR: .*server\.log'\)\.\n$/],
  // Written when workerd runs already, which must not go on by itself.
  ["server.json.new", /^The data folder .* cannot be used \(EISDIR: .*server\.json\.new'\)\.\n$/],
  ["lock.sqlite", /^The data folder .* cannot be used \(\/.*lock\.sqlite: unable to open .*\)\.\n$/],
] as const)("says that %s of the folder cannot be written", async ([file, sentence]) => {
  const dataDir = makeFolder();
  mkdirSync(join(dataDir, file));
  const refused = await sluice(["server", "start", "--port", "0", "--data-dir", dataDir]);
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toMatch(sentence);
});

test("says what to do when the port is taken", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as AddressInfo;
  const dataDir = makeFolder();
  const refused = await sluice(["server", "start", "--port", String(port), "--data-dir", dataDir]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(new RegExp(`^Port ${port} of 127\\.0\\.0\\.1 is taken .*--port.*\\n$`));
  expect(await findServerProcesses(dataDir)).toEqual({ keepers: [], workerds: [] });
});

test("is reachable by others only with a key", async () => {
  const dataDir = makeFolder();
  const refused = await sluice(["server", "start", "--host", "0.0.0.0", "--data-dir", dataDir], {
    SLUICE_API_KEY: "",
  });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/^Other machines can reach 0\.0\.0\.0, .*SLUICE_API_KEY.*\n$/);
  expect(existsSync(join(dataDir, "lock.sqlite"))).toBe(false);
});

test("with a key, wants it everywhere but for health, and keeps it out of files and command lines", async () => {
  const key = "a-key-that-nobody-guesses";
  const server = await start({ args: ["--host", "0.0.0.0"], env: { SLUICE_API_KEY: key } });
  const version = `${server.url}/api/admin/version`;
  expect((await fetch(`${server.url}/api/health`)).status).toBe(200);
  expect((await fetch(version)).status).toBe(401);
  expect((await fetch(version, { headers: { authorization: "Bearer wrong" } })).status).toBe(401);
  expect((await fetch(version, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
  for (const file of ["run/workerd.capnp", "server.json", "server.log"]) {
    expect(readFileSync(join(server.dataDir, file), "utf8")).not.toContain(key);
  }
  const pid = await findWorkerd(server.dataDir);
  expect(spawnSync("ps", ["-ww", "-o", "args=", "-p", String(pid)]).stdout.toString()).not.toContain(key);
});

test("answers only under its own names, and no page of another origin", async () => {
  const server = await start({ args: ["--allowed-host", "sluice.example"] });
  const { host, port } = new URL(server.url);
  const health = `${server.url}/api/health`;
  expect(await askStatus(health, { host })).toBe(200);
  expect(await askStatus(health, { host: `localhost:${port}` })).toBe(200);
  expect(await askStatus(health, { host: "sluice.example" })).toBe(200);
  expect(await askStatus(health, { host: `rebound.example:${port}` })).toBe(403);
  expect(await askStatus(health, { host: "localhost" })).toBe(403);
  expect(await askStatus(health, { host, origin: server.url })).toBe(200);
  expect(await askStatus(health, { host, origin: "https://evil.example" })).toBe(403);
});

test.for(["SIGINT", "SIGTERM", "SIGHUP"] as const)("on %s leaves nothing behind", async (signal) => {
  const server = await start();
  process.kill(server.pid, signal);
  expect(await server.exited).toBe(0);
  expect(await findServerProcesses(server.dataDir)).toEqual({ keepers: [], workerds: [] });
  expect(existsSync(join(server.dataDir, "server.json"))).toBe(false);
  await expect(fetch(`${server.url}/api/health`)).rejects.toThrow();
});

test("status tells a server from none", async () => {
  const server = await start();
  const asked = await sluice(["server", "status", "--data-dir", server.dataDir, "-o", "json"]);
  expect(asked.code).toBe(0);
  expect(JSON.parse(asked.stdout)).toMatchObject({
    api_url: `${server.url}/api`,
    data_dir: server.dataDir,
    pid: server.pid,
  });
  await server.kill9();
  await waitForNoProcesses(server.dataDir);
  const again = await sluice(["server", "status", "--data-dir", server.dataDir]);
  expect(again.code).toBe(1);
  expect(again.stderr).toContain("sluice server start");
});

const oldNode = ["/usr/bin/node", "/usr/local/bin/node"].find((path) => {
  if (!existsSync(path)) return false;
  const { stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
  const [major = 0, minor = 0] = stdout.replace("v", "").split(".").map(Number);
  return major < 22 || (major === 22 && minor < 19);
});

test.skipIf(oldNode === undefined)("under an old Node says so in one sentence", () => {
  const { status, stderr } = spawnSync(oldNode ?? "", [BIN, "version"], { encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^sluice needs Node 22\.19 or newer, but this is Node \d+\.\d+\.\d+; .*\.\n$/);
});
