/** Output: complete, in order, once, whatever children and network do. */
import { expect, test } from "vitest";
import { cutRecords, recognizeLevel } from "../../worker-agent/log-records.ts";
import { isGroupAlive } from "../../worker-agent/process-identity.ts";
import { agentFor, command, fixture, isAlive, pidOf, startPlane } from "./support.ts";

test("a flood arrives complete and in order, also when batches are lost and refused on the way", async () => {
  const plane = await startPlane();
  const lines = 60_000;
  const run = command(plane, ["node", fixture("flood.mjs"), String(lines), "40"]);
  const isLog = ({ path }: { path: string }): boolean => path === "/logs/";
  plane.fail(isLog, "drop", 2);
  plane.fail(isLog, 503, 1);
  plane.fail(isLog, "reset", 1);
  agentFor(plane);
  await plane.endOf(run, 50_000);
  const numbers = plane
    .outputOf(run)
    .join("\n")
    .split("\n")
    .map((line) => Number.parseInt(line, 10));
  expect(numbers).toHaveLength(lines);
  expect(numbers.every((number, index) => number === index)).toBe(true);
  const times = plane.logs.map(({ timestamp }) => timestamp);
  expect(times).toEqual([...times].sort());
  expect(new Set(times).size).toBe(times.length);
  const sequences = plane.logs.map(({ sequence }) => sequence);
  expect(sequences).toEqual(sequences.map((_, index) => index));
});

test("stdout and stderr keep the order in which they were written, partial and broken text included", async () => {
  const plane = await startPlane();
  const script = String.raw`printf 'out 1\n'; printf 'err 1\n' >&2; printf '\377\376 no text\n'; printf 'no end'; printf ' of line\r\n' >&2; printf '\n\342\202\254 last'`;
  const run = command(plane, ["sh", "-c", script]);
  agentFor(plane);
  await plane.endOf(run);
  expect(plane.outputOf(run)).toEqual([
    "out 1",
    "err 1",
    "\uFFFD\uFFFD no text",
    "no end of line",
    "",
    "€ last",
  ]);
});

test("a line without an end is sent while the process still runs", async () => {
  const plane = await startPlane();
  const run = command(plane, ["sh", "-c", "printf 'password? '; exec sleep 1000"]);
  agentFor(plane);
  await pidOf(plane, run);
  await plane.until("the partial line", () => plane.outputOf(run).length > 0);
  expect(plane.outputOf(run)).toEqual(["password? "]);
});

test("output beyond the cap is counted, not sent, and the run does not suffer", async () => {
  const plane = await startPlane();
  const run = command(plane, ["node", fixture("flood.mjs"), "2000", "100"]);
  agentFor(plane, { logBytesMax: 50_000 });
  expect(await plane.endOf(run)).toMatchObject({ exit_code: 0 });
  const output = plane.outputOf(run);
  expect(output.slice(0, -1).join("\n").length + 1).toBe(50_000);
  expect(output.at(-1)).toBe("150000 bytes of output were not sent: a run may send at most 50000.");
});

test("processes that a command leaves behind are ended before its end is reported", async () => {
  const plane = await startPlane();
  const run = command(plane, ["sh", fixture("grandchildren.sh")]);
  agentFor(plane);
  const end = await plane.endOf(run, 20_000);
  expect(end).toMatchObject({ exit_code: 0, outcome: "exited" });
  const pids = plane.outputOf(run).map((line) => Number(line.split(" ")[1]));
  expect(pids).toHaveLength(2);
  expect(pids.some(isAlive)).toBe(false);
  expect(isGroupAlive(await pidOf(plane, run))).toBe(false);
});

test.each([
  ["plain text", 20],
  ["ERROR: it broke", 40],
  ["[WARN] careful", 30],
  ["2026-11-22T12:00:01Z CRITICAL all is lost", 50],
  ["12:00:01.123 | DEBUG   | my.logger - detail", 10],
  ["ERRORS are counted below", 20],
  ["error: lower case says nothing", 20],
])("the level of %j is %i", (line, level) => {
  expect(recognizeLevel(line)).toBe(level);
});

test("what Prefect's engine sends by itself is left out, what only its stdout has is not", () => {
  const text = [
    "12:00:00.123 | INFO    | Flow run 'a-b' - Beginning flow run",
    "printed by the flow",
    "12:00:00.456 | ERROR   | Task run 'c-0' - boom",
    "12:00:00.789 | ERROR   | prefect.engine - Engine execution exited",
  ].join("\n");
  const messages = cutRecords(Buffer.from(text), { isEngine: true }).map(({ message }) => message);
  expect(messages).toEqual([
    "printed by the flow",
    "12:00:00.789 | ERROR   | prefect.engine - Engine execution exited",
  ]);
  expect(cutRecords(Buffer.from(text), { isEngine: false })).toHaveLength(4);
});
