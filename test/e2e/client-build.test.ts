/** The SDK as it is published: what a program gets from `sluice/client` works without the sources. */
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startScriptedServer } from "../unit/client/scripted-server.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "sluice-client-build-"));
const LEASE_ID = "0193f3e1-0000-8000-8000-000000000001";

beforeAll(() => {
  const built = join(home, "node_modules/sluice");
  execFileSync(process.execPath, [join(root, "scripts/build.ts"), "--out", built]);
  const { dependencies } = JSON.parse(readFileSync(join(built, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(dependencies)) {
    const link = join(home, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link);
  }
  const program = readFileSync(join(root, "test/fixtures/busy-holder.ts"), "utf8");
  writeFileSync(join(home, "busy-holder.ts"), program.replace("../../src/client/index.ts", "sluice/client"));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

test("leases are renewed in a thread of their own", async () => {
  await using server = await startScriptedServer(({ path }) =>
    path.endsWith("/acquire")
      ? {
          status: 200,
          body: {
            status: "granted",
            lease_id: LEASE_ID,
            limits: [{ id: LEASE_ID, name: "gpu", limit: 1, fence: 1, slot_names: null }],
            fence: 1,
            expires_in_seconds: 5,
          },
        }
      : { status: 204, headers: { "sluice-expires-in-seconds": "5" } },
  );
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(home, "busy-holder.ts"), "5", "8000", "0"],
    {
      env: { ...process.env, SLUICE_API_URL: server.apiUrl },
    },
  );
  expect(JSON.parse(stdout)).toEqual({ wasAborted: false });
  expect(server.requests.filter(({ path }) => path.endsWith("/renew")).length).toBeGreaterThanOrEqual(2);
});
