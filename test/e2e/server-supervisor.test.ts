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
  keeper.start(1_234);
  expect(await text(early)).toBe("1234");
});

test("gives each instance its own instant of start", async () => {
  const { keeper, ends, nextPid } = await openWatchedKeeper(ANSWERING);
  keeper.start(1);
  const first = await nextPid();
  expect(await text(connect(keeper.port, keeper.host))).toBe("1");
  process.kill(first, "SIGKILL");
  await expect.poll(() => ends).toEqual([128 + 9]);
  keeper.start(2);
  expect(await text(connect(keeper.port, keeper.host))).toBe("2");
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
