/** The package as it is published, away from its sources. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestServer } from "../support/server.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "sluice-build-"));
const built = join(home, "node_modules/sluice");
const bin = join(built, "bin/sluice.js");

/** Installs the package as npm would, with nothing but the dependencies that it names. */
beforeAll(() => {
  execFileSync(process.execPath, [join(root, "scripts/build.ts"), "--out", built]);
  const { dependencies } = JSON.parse(readFileSync(join(built, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(dependencies)) {
    const link = join(home, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link);
  }
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

test("starts a server", async () => {
  await using server = await startTestServer({ bin });
  expect((await fetch(`${server.url}/api/health`)).status).toBe(200);
  const status = execFileSync(process.execPath, [bin, "server", "status", "--data-dir", server.dataDir]);
  expect(status.toString()).toContain(server.dataDir);
});

test("has everything that any of its commands imports", () => {
  const script = `
    const { tree } = await import(process.argv[1]);
    const load = async (node, path) => {
      if (node.commands === undefined) {
        const { command } = await node.load();
        if (typeof command.run !== "function") throw new Error(path.join(" "));
        console.log(path.join(" "));
      }
      for (const [name, child] of Object.entries(node.commands ?? {})) await load(child, [...path, name]);
    };
    await load(tree, []);`;
  const loaded = execFileSync(
    process.execPath,
    ["--input-type=module", "-e", script, join(built, "src/cli/tree.js")],
    { encoding: "utf8" },
  );
  expect(loaded.split("\n")).toEqual(expect.arrayContaining(["server start", "server status", "version"]));
});

test("gives programs a typed client", () => {
  writeFileSync(
    join(home, "program.mts"),
    `import { createClient, type Client } from "sluice/client";
     const client: Client = createClient({});
     // @ts-expect-error a client is no number: its type arrives here
     const number: number = client;
     console.log(typeof client, typeof number);`,
  );
  const compiler = join(root, "node_modules/.bin/tsc");
  const flags = ["--strict", "--module", "nodenext", "--target", "es2024", "--ignoreConfig"];
  execFileSync(
    compiler,
    [...flags, "--typeRoots", join(root, "node_modules/@types"), "--types", "node", "program.mts"],
    { cwd: home },
  );
  const output = execFileSync(process.execPath, ["program.mjs"], { cwd: home, encoding: "utf8" });
  expect(output).toBe("object object\n");
});
