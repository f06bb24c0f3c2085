/** Where commands find the server and its key: options, environment, profiles, the default. */
import { statSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { useCommandLine } from "../support/command-line.ts";
import { startTestServer } from "../support/server.ts";
import { runSluice } from "../support/sluice.ts";

const cli = useCommandLine();

describe("finding the server", () => {
  const settings = z.object({
    profile: z.string(),
    settings: z.array(z.object({ name: z.string(), value: z.string(), source: z.string() })),
  });
  const profiles = (): Record<string, string> => ({
    SLUICE_PROFILES_PATH: join(cli.folder, "mine", "p.json"),
  });
  const run = (args: string[], more: Record<string, string> = {}) =>
    runSluice(args, { env: { ...profiles(), ...more } });
  const urlOf = async (args: string[] = [], more: Record<string, string> = {}) => {
    const { stdout } = await run(["config", "view", "-o", "json", ...args], more);
    const url = settings.parse(JSON.parse(stdout)).settings.find(({ name }) => name === "SLUICE_API_URL");
    return [url?.value, url?.source];
  };

  test("an option, the environment, the profile, the default port, in this order", async () => {
    expect(await urlOf()).toEqual(["http://127.0.0.1:4200/api", "default"]);
    expect((await run(["config", "set", "PREFECT_API_URL=http://head:4200"])).exitCode).toBe(0);
    expect(await urlOf()).toEqual(["http://head:4200/api", "profile default"]);
    await run(["profile", "create", "test"]);
    await run(["profile", "use", "test"]);
    await run(["config", "set", `SLUICE_API_URL=${cli.server.url}`, "SLUICE_API_KEY=secret-key"]);
    expect(await urlOf()).toEqual([`${cli.server.url}/api`, "profile test"]);
    expect(await urlOf(["--profile", "default"])).toEqual(["http://head:4200/api", "profile default"]);
    expect(await urlOf([], { PREFECT_API_URL: "http://p/api" })).toEqual(["http://p/api", "PREFECT_API_URL"]);
    const both = { PREFECT_API_URL: "http://p/api", SLUICE_API_URL: "http://s/api" };
    expect(await urlOf([], both)).toEqual(["http://s/api", "SLUICE_API_URL"]);
    expect(await urlOf(["--api-url", "http://o"], both)).toEqual(["http://o/api", "--api-url"]);
    expect((await run(["gcl", "ls", "-o", "json"])).exitCode).toBe(0);

    const view = await run(["config", "view"]);
    expect(view.stdout).not.toContain("secret-key");
    expect((await run(["config", "view", "--show-secrets"])).stdout).toContain("secret-key");
    expect(statSync(profiles()["SLUICE_PROFILES_PATH"] ?? "").mode & 0o777).toBe(0o600);
    await run(["config", "unset", "SLUICE_API_URL"]);
    expect(await urlOf()).toEqual(["http://127.0.0.1:4200/api", "default"]);
    expect(await run(["profile", "use", "tset"])).toMatchObject({
      exitCode: 1,
      stderr: "No profile named tset; did you mean test?\n",
    });
    expect(await run(["profile", "delete", "test"])).toMatchObject({ exitCode: 1 });
    await run(["profile", "use", "default"]);
    expect((await run(["profile", "rename", "test", "site-a"])).exitCode).toBe(0);
    expect((await run(["profile", "inspect", "site-a", "-o", "json"])).stdout).toContain("********");
    expect((await run(["profile", "delete", "site-a"])).exitCode).toBe(0);
    expect((await run(["profile", "ls"])).stdout).not.toMatch(/test|site-a/);
    writeFileSync(profiles()["SLUICE_PROFILES_PATH"] ?? "", "{");
    expect((await run(["gcl", "ls"])).stderr).toMatch(
      /^The profile file .* is damaged \(.*\); mend it or delete it\.\n$/,
    );
  });

  test("nobody there", async () => {
    const url = `http://127.0.0.1:${await findClosedPort()}`;
    expect(await runSluice(["gcl", "ls"], { env: { SLUICE_API_URL: url } })).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `Nothing answers at ${url}/api (from SLUICE_API_URL); start it with \`sluice server start\` or set SLUICE_API_URL.\n`,
    });
    expect(await runSluice(["gcl", "ls", "--json"], { env: { SLUICE_API_URL: "nowhere" } })).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: 'SLUICE_API_URL wants an address like http://127.0.0.1:4200/api, but is "nowhere".\n',
    });
  });

  test("somebody else there, another scheme, a key that is none", async () => {
    const other = createHttpServer((_request, response) => response.writeHead(501).end("no"));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const ask = async (env: Record<string, string>) => {
      const { exitCode, stderr } = await runSluice(["gcl", "ls"], { env });
      return `${exitCode} ${stderr.trim()}`;
    };
    const place = `127.0.0.1:${port}/api (from SLUICE_API_URL)`;
    expect(await ask({ SLUICE_API_URL: `http://127.0.0.1:${port}` })).toBe(
      `1 What answers at http://${place} is no Sluice (The server answered POST /v2/concurrency_limits/filter with status 501); check SLUICE_API_URL.`,
    );
    expect(await ask({ SLUICE_API_URL: `https://127.0.0.1:${port}` })).toBe(
      `1 The server at https://${place} speaks no TLS; write http:// instead of https://.`,
    );
    expect(await ask({ SLUICE_API_KEY: "two\nlines" })).toBe(
      "2 SLUICE_API_KEY holds characters that no key has, such as the end of a line.",
    );
    other.closeAllConnections();
    other.close();
  });

  test("no key, a wrong one, the right one in each form", async () => {
    await using locked = await startTestServer({ env: { SLUICE_API_KEY: "user:right" } });
    const ask = (more: Record<string, string> = {}) =>
      runSluice(["gcl", "ls", "-o", "json"], { env: { SLUICE_API_URL: locked.url, ...more } });
    const place = `${locked.url}/api (from SLUICE_API_URL)`;
    expect(await ask()).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `The server at ${place} wants a key; set SLUICE_API_KEY to the one it was given.\n`,
    });
    expect(await ask({ SLUICE_API_KEY: "wrong" })).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `The server at ${place} does not accept this key; check SLUICE_API_KEY and SLUICE_API_AUTH_STRING.\n`,
    });
    for (const name of [
      "SLUICE_API_KEY",
      "PREFECT_API_KEY",
      "SLUICE_API_AUTH_STRING",
      "PREFECT_API_AUTH_STRING",
    ])
      expect(await ask({ [name]: "user:right" }), name).toMatchObject({ exitCode: 0, stdout: "[]\n" });
  });
});

/** A port that nobody listens on. */
function findClosedPort(): Promise<number> {
  return new Promise((resolve) => {
    const socket = createServer().listen(0, "127.0.0.1", () => {
      const address = socket.address();
      socket.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}
