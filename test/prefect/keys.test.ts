/** A server with a key: Prefect's clients with an auth string, with headers of their own, and with the wrong key. */
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import { startPrefect } from "./support/prefect.ts";
import { NEWEST, OLDEST, type PrefectVersion } from "./versions.ts";

const KEY = "a-long-random-text";
const pythons = inject("pythons");

describe.skipIf(pythons[NEWEST] === undefined || pythons[OLDEST] === undefined)("a server with a key", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ env: { SLUICE_API_KEY: KEY } });
  });
  afterAll(() => server?.stop());

  const start = async (version: PrefectVersion, env: Record<string, string>) => {
    const prefect = await startPrefect(version, pythons[version] ?? "", server.url, env);
    onTestFinished(() => prefect[Symbol.asyncDispose]());
    return prefect;
  };

  test.each<[PrefectVersion, string, Record<string, string>]>([
    [NEWEST, "an auth string", { PREFECT_API_AUTH_STRING: KEY }],
    [
      NEWEST,
      "a header",
      { PREFECT_CLIENT_CUSTOM_HEADERS: JSON.stringify({ Authorization: `Bearer ${KEY}` }) },
    ],
    [
      OLDEST,
      "a header",
      { PREFECT_CLIENT_CUSTOM_HEADERS: JSON.stringify({ Authorization: `Bearer ${KEY}` }) },
    ],
  ])("lets %s in that sends %s, calls and sockets alike", async (version, _what, env) => {
    const prefect = await start(version, env);
    await prefect.ask("runs.py");
    expect([...prefect.proxy.seen].filter((call) => /40[13]$/u.test(call))).toEqual([]);
    expect(prefect.proxy.seen).toContain("WS /api/events/in 101");
    const tasks = await prefect.cli(["task-run", "ls"]);
    expect(tasks.stdout).toContain("COMPLETED");
  });

  test("answers a wrong key so that the client says what is wrong", async () => {
    const prefect = await start(NEWEST, { PREFECT_API_AUTH_STRING: "wrong" });
    const { exitCode, stdout, stderr } = await prefect.cli(["gcl", "ls"]);
    expect(exitCode).toBe(1);
    expect(stdout + stderr).toContain("Unauthorized");
  });
});
