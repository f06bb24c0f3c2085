/** The Worker as wrangler would deploy it: its configuration and nothing of the embedded server's. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Runs the Worker under `wrangler dev` until the test ends; gives its URL. */
async function startDev(...args: string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-edge-"));
  const bin = join(root, "node_modules/wrangler/bin/wrangler.js");
  const wrangler = spawn(
    process.execPath,
    [bin, "dev", "--port", "0", "--inspector-port", "0", "--persist-to", folder, ...args],
    { cwd: root, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NO_COLOR: "1" } },
  );
  const exited = once(wrangler, "exit");
  onTestFinished(async () => {
    wrangler.kill("SIGTERM");
    await exited;
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  wrangler.stderr.resume();
  for await (const line of createInterface({ input: wrangler.stdout })) {
    const url = /Ready on (http:\/\/\S+)/.exec(line)?.[1];
    if (url === undefined) continue;
    wrangler.stdout.resume();
    return url;
  }
  throw new Error("wrangler ended before the Worker was ready.");
}

test("without a key it answers nobody, and says what to do", async () => {
  const url = await startDev();
  const refused = await fetch(`${url}/api/admin/version`);
  expect(refused.status).toBe(503);
  expect(await refused.text()).toContain("wrangler secret put SLUICE_API_KEY");
  expect((await fetch(`${url}/api/v2/concurrency_limits/`, { method: "POST", body: "{}" })).status).toBe(503);
  expect((await fetch(`${url}/api/health`)).status).toBe(200);
});

test("with a key it answers who has it", async () => {
  const url = await startDev("--var", "SLUICE_API_KEY:a-key");
  const ask = async (authorization: string) =>
    (await fetch(`${url}/api/admin/version`, { headers: { authorization } })).status;
  expect((await fetch(`${url}/api/admin/version`)).status).toBe(401);
  expect(await ask("Bearer another")).toBe(401);
  expect(await ask("Bearer a-key")).toBe(200);
  expect(await ask(`Basic ${btoa("a-key")}`)).toBe(200);
  const created = await fetch(`${url}/api/v2/concurrency_limits/`, {
    method: "POST",
    headers: { authorization: "Bearer a-key", "content-type": "application/json" },
    body: JSON.stringify({ name: "gpu", limit: 1 }),
  });
  expect(created.status).toBe(201);
});
