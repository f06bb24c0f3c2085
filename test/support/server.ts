/** A real server for a test: its own process, a free port, a folder of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

/** Longer than any start takes, so that one that hangs is told. */
const READY_MS = 60_000;
const BIN = fileURLToPath(new URL("../../bin/sluice.js", import.meta.url));

export interface TestServerOptions {
  /** 0, the default, takes a free port; `restart` keeps the one it got. */
  port?: number;
  /** A fresh folder that `stop` removes, unless one is given. */
  dataDir?: string;
  /** The `sluice` to run, the sources' unless one is given. */
  bin?: string;
  /** Further command-line arguments of the server. */
  args?: readonly string[];
  env?: Record<string, string>;
}

export interface TestServer extends AsyncDisposable {
  /** Without a slash at the end and without `/api`. */
  readonly url: string;
  readonly dataDir: string;
  /** The supervisor's process id. */
  readonly pid: number;
  /** Everything the server said on stderr so far. */
  readonly stderr: string;
  /** Settles with the exit code of the supervisor that runs now, null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** Kills the supervisor with SIGKILL and waits until it is gone; workerd follows by itself. */
  kill9(): Promise<void>;
  /** Starts again on the same port and folder, after ending what still runs, gently. */
  restart(): Promise<void>;
  /** Ends the server and removes its folder; safe to call twice and after `kill9`. */
  stop(): Promise<void>;
}

/** Starts a server and resolves once it answers. Call `stop` in the test's clean-up, or hold it by `await using`. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const dataDir = options.dataDir ?? realpathSync(mkdtempSync(join(tmpdir(), "sluice-test-")));
  let current = await launch(dataDir, options.port ?? 0, options);
  const { url } = current;
  const end = async (signal: NodeJS.Signals) => {
    current.child.kill(signal);
    await current.exited;
  };
  const stop = async () => {
    await end("SIGTERM");
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 });
  };
  return {
    url,
    dataDir,
    get pid() {
      return current.child.pid ?? 0;
    },
    get stderr() {
      return current.stderr();
    },
    get exited() {
      return current.exited;
    },
    kill9: () => end("SIGKILL"),
    restart: async () => {
      await end("SIGTERM");
      current = await launch(dataDir, Number(new URL(url).port), options);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Launched {
  child: ChildProcess;
  url: string;
  exited: Promise<number | null>;
  stderr: () => string;
}

async function launch(dataDir: string, port: number, options: TestServerOptions): Promise<Launched> {
  const child = spawn(
    process.execPath,
    [
      options.bin ?? BIN,
      "server",
      "start",
      "--port",
      String(port),
      "--data-dir",
      dataDir,
      ...(options.args ?? []),
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...options.env } },
  );
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
  });
  const exited = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => resolve(code));
  });
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`The server was not ready within ${READY_MS} ms:\n${stderr}`)),
    READY_MS,
  );
  const url = await Promise.race([
    readReadyLine(child.stdout),
    exited.then(() => {
      throw new Error(`The server ended before it was ready:\n${stderr}`);
    }),
    late.promise,
  ]).finally(() => clearTimeout(timer));
  return { child, url, exited, stderr: () => stderr };
}

async function readReadyLine(stdout: Readable): Promise<string> {
  for await (const line of createInterface({ input: stdout })) {
    const url = /http:\/\/\S+/.exec(line)?.[0];
    if (url !== undefined) return url;
  }
  throw new Error("The server closed its output before it was ready.");
}
