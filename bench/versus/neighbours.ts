/**
 * What others do on this machine who promise less: a semaphore in Redis, and jobs of BullMQ, with a server that syncs each
 * write as ours does. They have no HTTP, no line, no fences and no reasons; they say how far raw speed goes.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { waitFor } from "../../test/support/wait-for.ts";
import { findFreePort } from "./systems.ts";
import { measureInTurns } from "../measure.ts";
import type { Figure } from "./experiment.ts";
import type { Neighbour } from "./results.ts";
import { noteTaking, readManifestVersion, readNodeVersion } from "./taking.ts";

const CLIENTS = 32;
const JOBS_AT_ONCE = 10;
const STARTED_MS_MAX = 10_000;

/** Expired holders go, then there is room or there is not; the answer is a fence, or nothing. */
const ACQUIRE = `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return false end
local fence = redis.call('INCR', KEYS[2])
redis.call('ZADD', KEYS[1], ARGV[2], fence)
return fence`;

interface RedisServer extends AsyncDisposable {
  readonly port: number;
}

/** Undefined where `redis-server` is not installed. */
async function startRedis(): Promise<RedisServer | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-redis-"));
  const port = await findFreePort();
  const words = ["--port", String(port), "--dir", folder, "--appendonly", "yes", "--appendfsync", "always"];
  const child = spawn("redis-server", words, { stdio: "ignore" });
  const ended = new Promise<boolean>((resolve) => {
    child.on("error", () => resolve(false));
    child.on("exit", () => resolve(true));
  });
  const close = async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const started = connect(port).then(async (redis) => {
    await redis.quit();
    return true;
  });
  if (!(await Promise.race([started, ended]))) {
    await close();
    return undefined;
  }
  return { port, [Symbol.asyncDispose]: close };
}

/** A connection that answers. */
async function connect(port: number): Promise<Redis> {
  return waitFor(async () => {
    const redis = new Redis({
      port,
      lazyConnect: true,
      retryStrategy: () => null,
      maxRetriesPerRequest: null,
    });
    redis.on("error", () => undefined);
    await redis.connect();
    return redis;
  }, STARTED_MS_MAX);
}

async function measureSemaphore(port: number, clients: number, seconds: number): Promise<Figure> {
  const connections = await Promise.all(Array.from({ length: clients }, () => connect(port)));
  const idle = [...connections];
  const [samples] = await measureInTurns(clients, seconds, [
    async () => {
      const redis = idle.pop();
      if (redis === undefined) throw new Error("There are more loops than connections.");
      const now = Date.now();
      const fence = await redis.eval(ACQUIRE, 2, "holders", "fence", now, now + 60_000, CLIENTS);
      if (typeof fence !== "number") throw new Error("A free slot was not granted.");
      await redis.zrem("holders", fence);
      idle.push(redis);
    },
  ]);
  for (const redis of connections) redis.disconnect();
  return {
    name: `Redis: acquire and release in Lua, ${clients} ${clients === 1 ? "connection" : "connections"}`,
    unit: "/s",
    value: samples?.per_second ?? 0,
  };
}

async function measureJobs(port: number, count: number): Promise<Figure> {
  const connection = { port, maxRetriesPerRequest: null };
  const queue = new Queue("runs", { connection });
  await queue.addBulk(Array.from({ length: count }, (_, index) => ({ name: "run", data: { index } })));
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let ended = 0;
  const from = performance.now();
  const worker = new Worker("runs", () => Promise.resolve(), { connection, concurrency: JOBS_AT_ONCE });
  worker.on("completed", () => {
    ended += 1;
    if (ended === count) resolve();
  });
  await done;
  const value = count / ((performance.now() - from) / 1000);
  await worker.close();
  await queue.close();
  return { name: `BullMQ: jobs handed out and ended, ${JOBS_AT_ONCE} at a time`, unit: "/s", value };
}

/** As the server itself says. */
async function readRedisVersion(port: number): Promise<string> {
  const redis = await connect(port);
  const about = await redis.info("server");
  redis.disconnect();
  return /^redis_version:(\S+)/mu.exec(about)?.[1] ?? "unknown";
}

/** Empty where `redis-server` is not installed. */
export async function measureNeighbours(plan: {
  seconds: number;
  jobs: number;
  command: string;
}): Promise<Neighbour[]> {
  await using redis = await startRedis();
  if (redis === undefined) return [];
  const { port } = redis;
  const versions = {
    Redis: await readRedisVersion(port),
    ioredis: readManifestVersion("node_modules/ioredis/package.json"),
    ...readNodeVersion(),
  };
  const bullmq = { ...versions, BullMQ: readManifestVersion("node_modules/bullmq/package.json") };
  return [
    { ...(await measureSemaphore(port, 1, plan.seconds)), ...noteTaking(plan.command, versions) },
    { ...(await measureSemaphore(port, CLIENTS, plan.seconds)), ...noteTaking(plan.command, versions) },
    { ...(await measureJobs(port, plan.jobs)), ...noteTaking(plan.command, bullmq) },
  ];
}
