/** Callers of one server whose connections break and whose workerd is killed: all they saw can have happened. */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { Random } from "../sim/random.ts";
import { startProxy } from "../prefect/support/proxy.ts";
import { findWorkerd } from "../support/processes.ts";
import { startTestServer } from "../support/server.ts";
import { CallsOnSocket } from "./calls-on-socket.ts";
import { checkHistory } from "./checker.ts";
import { specifyLimit } from "./limit-specification.ts";
import { Recorder } from "./recorder.ts";

const CALLERS = 6;
const TURNS = 12;
const SLOTS_MAX = 4;
/** So many calls lose their connection, half of them after the server has done it. */
const CUT_SHARE = 0.08;
/** workerd is killed each time so many turns are over. */
const KILLED_EVERY = 70;
const ASKED_AGAIN_MAX = 200;

/** Asks again until an answer comes. */
async function insist<Answer>(ask: () => Promise<Answer | null>): Promise<Answer> {
  for (let attempt = 0; attempt < ASKED_AGAIN_MAX; attempt += 1) {
    const answer = await ask();
    if (answer !== null) return answer;
    await sleep(5);
  }
  throw new Error("No answer came.");
}

/** Takes slots, keeps them for a moment and gives them back, in all the ways in which that can be done. */
async function playTurn(recorder: Recorder, request_id: string, random: Random): Promise<void> {
  const slots = random.int(1, 2);
  const ask = () => recorder.acquire(request_id, slots, random.chance(0.3) ? 1 : 0);
  // Whoever asks again has what it asked for first, whatever it says now.
  const askOtherwise = () => recorder.acquire(request_id, random.int(1, 2), 0);
  let answer = await insist(ask);
  for (let asked = 0; answer.status === "waiting" && asked < random.int(3, 12); asked += 1) {
    await sleep(random.int(0, 20));
    answer = await insist(random.chance(0.2) ? askOtherwise : ask);
  }
  if (answer.status !== "granted") {
    await insist(() => recorder.withdraw(request_id));
    return;
  }
  const { lease_id } = answer;
  if (random.chance(0.33)) await recorder.renew(lease_id);
  if (random.chance(0.25)) await askOtherwise();
  await sleep(random.int(0, 10));
  const giveBack = () => (random.chance(0.2) ? recorder.withdraw(request_id) : recorder.release(lease_id));
  await insist(giveBack);
  if (random.chance(0.25)) await recorder.release(lease_id);
  if (random.chance(0.25)) await recorder.renew(lease_id);
  if (random.chance(0.17)) await recorder.acquire(request_id, slots, 0);
}

/** No seed brings back what happened between processes, so what was seen is kept for whoever looks into it. */
function keep(name: string, history: unknown): void {
  const file = join(tmpdir(), `sluice-history-${name}-${Date.now()}.json`);
  writeFileSync(file, JSON.stringify(history, undefined, 1));
  console.error(`No order explains what was seen of the limit ${name}: ${file}`);
}

test("what concurrent callers saw of a limit can have happened in some order, whatever was lost on the way", async () => {
  await using server = await startTestServer();
  await using proxy = await startProxy(server.url);
  const client = createClient({ apiUrl: server.url });
  const random = new Random(Date.now(), "linearizability");
  proxy.fault = ({ path }) =>
    path.endsWith("/filter") || !random.chance(CUT_SHARE)
      ? undefined
      : { kind: random.chance(0.5) ? "cut_before" : "cut_after" };

  const socket = new CallsOnSocket(`${server.url}/api`, "framed", () => random.chance(CUT_SHARE));
  const recorders = [
    new Recorder(`${proxy.url}/api`, "one"),
    new Recorder(`${proxy.url}/api`, "other"),
    new Recorder(`${proxy.url}/api`, "framed", socket),
  ];
  for (const { name } of recorders) await client.limits.create({ name, limit: 2 });
  const playing = new AbortController();
  const operate = async (recorder: Recorder) => {
    while (!playing.signal.aborted) {
      if (random.chance(0.25)) await insist(() => recorder.resize(random.int(1, SLOTS_MAX)));
      else await recorder.read();
      await sleep(random.int(0, 30));
    }
  };
  let turns = 0;
  const countTurn = async () => {
    turns += 1;
    if (turns % KILLED_EVERY === 0) process.kill(await findWorkerd(server.dataDir), "SIGKILL");
  };
  const callers = recorders.flatMap((recorder) =>
    Array.from({ length: CALLERS }, async (_, caller) => {
      for (let turn = 0; turn < TURNS; turn += 1) {
        await playTurn(recorder, `${caller}.${turn}`, random);
        await countTurn();
      }
    }),
  );
  const others = recorders.map(operate);
  await Promise.all(callers);
  playing.abort();
  await Promise.all(others);
  socket.close();

  for (const { name, history } of recorders) {
    expect(history.length).toBeGreaterThan(CALLERS * TURNS * 2);
    expect(history.some(({ answeredAt }) => answeredAt === Number.POSITIVE_INFINITY)).toBe(true);
    const verdict = checkHistory(specifyLimit(2, history), history);
    if (!verdict.isLinearizable) keep(name, history);
    expect(verdict).toMatchObject({ isLinearizable: true });
  }
});
