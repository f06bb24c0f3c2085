/** Keeper and supervisor over small programs in workerd's place, which fail in ways that workerd rarely does. */
import { connect } from "node:net";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { openKeeper, SOCKET_FD, type Keeper } from "../../src/server/keeper.ts";
import { superviseWorkerd } from "../../src/server/supervisor.ts";

/** Answers every connection with the instant of its start, by the socket that the keeper holds. */
const ANSWERING = `
const { env } = process;
require("node:net").createServer((socket) => socket.end(env.SLUICE_STARTED_AT)).listen({ fd: ${SOCKET_FD} });
`;

/** Tells by HTTP what it was told of its start. */
const TELLING = `
const { env, pid } = process;
require("node:http").createServer((request, response) =>
  response.end(JSON.stringify({ pid, startedAt: Number(env.SLUICE_STARTED_AT) }))).listen({ fd: ${SOCKET_FD} });
`;

interface Watched {
  keeper: Keeper;
  ends: number[];
  nextPid: () => Promise<number>;
}

async function openWatchedKeeper(script: string): Promise<Watched> {
  const ends: number[] = [];
  const pids: number[] = [];
  const asked: ((pid: number) => void)[] = [];
  const keeper = await openKeeper(
    { host: "127.0.0.1", port: 0 },
    [process.execPath, "-e", script],
    () => ({ PATH: process.env["PATH"] ?? "" }),
    {
      onPid: (pid) => {
        const ask = asked.shift();
        if (ask === undefined) pids.push(pid);
        else ask(pid);
      },
      onExit: (code) => ends.push(code),
      onOutput: () => {},
      onGone: () => {},
    },
  );
  onTestFinished(() => keeper.kill());
  const nextPid = () =>
    new Promise<number>((resolve) => {
      const pid = pids.shift();
      if (pid === undefined) asked.push(resolve);
      else resolve(pid);
    });
  return { keeper, ends, nextPid };
}

test("takes no connection itself: one made before any start is answered by what starts later", async () => {
  const { keeper } = await openWatchedKeeper(ANSWERING);
  const early = connect(keeper.port, keeper.host);
  await once(early, "connect");
  keeper.start(1_234, 0);
  expect(await text(early)).toBe("1234");
});

test("the first instance of a new folder is told of no start, the next one of its own", async () => {
  const supervisor = await superviseWorkerd({
    host: "127.0.0.1",
    port: 0,
    command: () => [process.execPath, "-e", TELLING],
    env: () => ({ PATH: process.env["PATH"] ?? "" }),
    onOutput: () => {},
    isNew: true,
  });
  onTestFinished(() => supervisor.stop());
  const ask = async () => (await fetch(`http://127.0.0.1:${supervisor.port}`)).json();
  const first = (await ask()) as { pid: number; startedAt: number };
  expect(first.startedAt).toBe(0);
  process.kill(first.pid, "SIGKILL");
  const next = async () => ask().catch(() => undefined);
  await expect.poll(next).toMatchObject({ startedAt: expect.closeTo(Date.now(), -5) });
});

test("gives each instance its own instant of start", async () => {
  const { keeper, ends, nextPid } = await openWatchedKeeper(ANSWERING);
  keeper.start(1, 0);
  const first = await nextPid();
  expect(await text(connect(keeper.port, keeper.host))).toBe("1");
  process.kill(first, "SIGKILL");
  await expect.poll(() => ends).toEqual([128 + 9]);
  keeper.start(2, 0);
  expect(await text(connect(keeper.port, keeper.host))).toBe("2");
});

test("starts workerd anew when the clock is put forward, and tells it when that was", async () => {
  const ahead = { ms: 0 };
  const supervisor = await superviseWorkerd({
    host: "127.0.0.1",
    port: 0,
    command: () => [
      process.execPath,
      "-e",
      `require("node:http").createServer((_, answer) => answer.end(process.env.SLUICE_CLOCK_STEPPED_AT)).listen({ fd: ${SOCKET_FD} })`,
    ],
    env: () => ({ PATH: process.env["PATH"] ?? "" }),
    onOutput: () => {},
    clocks: { wallMs: () => Date.now() + ahead.ms, steadyMs: () => performance.now() },
  });
  onTestFinished(() => supervisor.stop());
  const steppedAt = async () =>
    Number(
      await (await fetch(`http://127.0.0.1:${supervisor.port}`, { headers: { connection: "close" } })).text(),
    );
  expect(await steppedAt()).toBe(0);
  ahead.ms = 3_600_000;
  const stepped = Date.now() + ahead.ms;
  await expect.poll(steppedAt).toBeGreaterThanOrEqual(stepped);
});

/** Says which process answers; asked for `/hang`, it never does anything again. */
const HANGING = `
require("node:http").createServer((request, answer) => {
  while (request.url === "/hang");
  answer.end(String(process.pid));
}).listen({ fd: ${SOCKET_FD} })`;

test.each([
  ["hangs", (pid: number, url: string) => void fetch(`${url}/hang`).catch(() => pid)],
  ["is stopped", (pid: number) => process.kill(pid, "SIGSTOP")],
])("ends a workerd that %s and starts another", async (_, harm) => {
  let said = "";
  const supervisor = await superviseWorkerd({
    host: "127.0.0.1",
    port: 0,
    command: () => [process.execPath, "-e", HANGING],
    env: () => ({ PATH: process.env["PATH"] ?? "" }),
    onOutput: (chunk) => (said += Buffer.from(chunk).toString()),
    answerMsMax: 300,
  });
  onTestFinished(() => supervisor.stop());
  const url = `http://127.0.0.1:${supervisor.port}`;
  const askPid = async () => {
    const answer = await fetch(url, {
      headers: { connection: "close" },
      signal: AbortSignal.timeout(1000),
    }).catch(() => undefined);
    return Number(await answer?.text());
  };
  const first = await askPid();
  harm(first, url);
  await expect.poll(askPid, { timeout: 15_000 }).not.toSatisfy((pid) => pid === first || Number.isNaN(pid));
  expect(said).toContain("does not answer any more");
});

test("says what workerd said when it does not start at all", async () => {
  const started = superviseWorkerd({
    host: "127.0.0.1",
    port: 0,
    command: () => ["sh", "-c", "echo the disk is made of cheese >&2; exit 7"],
    env: () => ({ PATH: process.env["PATH"] ?? "" }),
    onOutput: () => {},
  });
  await expect(started).rejects.toThrow("workerd does not start. It says:\nthe disk is made of cheese");
});

test("says that there is no such program", async () => {
  const started = superviseWorkerd({
    host: "127.0.0.1",
    port: 0,
    command: () => ["/nowhere/workerd"],
    env: () => ({ PATH: process.env["PATH"] ?? "" }),
    onOutput: () => {},
  });
  await expect(started).rejects.toThrow(/workerd does not start.*\n.*\/nowhere\/workerd/);
});
