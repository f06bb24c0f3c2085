/** The command line at a server of its own: what most tests of commands need. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import type { z } from "zod";
import { createClient, type Client } from "../../src/client/index.ts";
import { startTestServer, type TestServer } from "./server.ts";
import { runSluice, type Outcome } from "./sluice.ts";

export interface CommandLine {
  readonly server: TestServer;
  readonly api: Client;
  /** The commands' working folder, gone after the tests. */
  readonly folder: string;
  readonly env: Record<string, string>;
  run: (...args: string[]) => Promise<Outcome>;
  /** Runs a command that must succeed and gives what it printed. */
  succeed: (...args: string[]) => Promise<string>;
  /** Runs a command with `-o json`, which must print exactly the API's form. */
  read: <Schema extends z.ZodType>(schema: Schema, ...args: string[]) => Promise<z.infer<Schema>>;
  /** Runs a command that must be refused with this sentence and nothing else. */
  fail: (sentence: string, ...args: string[]) => Promise<void>;
}

/** Starts a server for the tests of one file; what it gives may be used within tests only. */
export function useCommandLine(): CommandLine {
  let started: { server: TestServer; api: Client; folder: string } | undefined;
  beforeAll(async () => {
    const server = await startTestServer();
    started = {
      server,
      api: createClient({ apiUrl: `${server.url}/api` }),
      folder: mkdtempSync(join(tmpdir(), "sluice-cli-")),
    };
  });
  afterAll(async () => {
    await started?.api.close();
    await started?.server.stop();
    if (started !== undefined) rmSync(started.folder, { recursive: true, force: true });
  });
  const use = () => {
    if (started === undefined) throw new Error("The server has not been started.");
    return started;
  };
  const line: CommandLine = {
    get server() {
      return use().server;
    },
    get api() {
      return use().api;
    },
    get folder() {
      return use().folder;
    },
    get env() {
      return { SLUICE_API_URL: use().server.url, SLUICE_PROFILES_PATH: join(use().folder, "profiles.json") };
    },
    run: (...args) => runSluice(args, { env: line.env, cwd: line.folder }),
    async succeed(...args) {
      const outcome = await line.run(...args);
      expect(outcome, args.join(" ")).toMatchObject({ exitCode: 0 });
      return outcome.stdout;
    },
    async read(schema, ...args) {
      return schema.parse(JSON.parse(await line.succeed(...args, "-o", "json")));
    },
    async fail(sentence, ...args) {
      expect(await line.run(...args), args.join(" ")).toEqual({
        exitCode: 1,
        stdout: "",
        stderr: `${sentence}\n`,
      });
    },
  };
  return line;
}
