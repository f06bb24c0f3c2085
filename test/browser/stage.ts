/** A real server for a file of tests, with the commands and workers that they start. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import { closePages } from "./browser.ts";

const SLUICE = fileURLToPath(new URL("../../bin/sluice.js", import.meta.url));
const BOUND_MS = 30_000;
const TERM_MS = 5000;

export const POOL = "ml-pool";

/** Waits until what is looked at is as it should be. */
export const shown: typeof expect.poll = (look, options) =>
  expect.poll(look, { timeout: BOUND_MS, ...options });

export interface Stage {
  readonly url: string;
  /** Asks the API, and fails the test when it refuses. */
  readonly ask: <Answer>(method: string, path: string, body?: unknown) => Promise<Answer>;
  readonly startWorker: (name: string) => void;
}

/** Begins before the tests of a file and ends after them; each test's pages are looked at for errors. */
export function useStage(): Stage {
  const folder = mkdtempSync(join(tmpdir(), "sluice-browser-"));
  const children: ChildProcess[] = [];
  let server: TestServer | undefined;
  const urlOf = (): string => {
    if (server === undefined) throw new Error("The server has not begun.");
    return server.url;
  };

  beforeAll(async () => {
    server = await startTestServer();
  });
  afterEach(closePages);
  afterAll(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), TERM_MS);
      await gone;
      clearTimeout(timer);
    }
    await server?.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  return {
    get url() {
      return urlOf();
    },
    async ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
      const response = await fetch(`${urlOf()}/api${path}`, {
        method,
        headers: { "content-type": "application/json" },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      return (text === "" ? null : JSON.parse(text)) as Answer;
    },
    startWorker(name) {
      const args = ["worker", "start", "--pool", POOL, "--limit", "10", "--name", name];
      const env = { SLUICE_API_URL: `${urlOf()}/api`, SLUICE_HOME: folder, WORKER_ID: name };
      children.push(
        spawn(process.execPath, [SLUICE, ...args], { env: { ...process.env, ...env }, stdio: "ignore" }),
      );
    },
  };
}
