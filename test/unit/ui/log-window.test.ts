/** The part of a log that a page shows, held against a log that grows. */
import { expect, test } from "vitest";
import { formatInstant } from "../../../src/contract/instants.ts";
import type { Log, LogFilter } from "../../../src/contract/wire/logs.ts";
import { readPage } from "../../../src/domain/journal/read-logs.ts";
import {
  askForLogs,
  countNewer,
  findEarlier,
  joinLogs,
  type LogPlace,
  type LogQuestion,
  type LogWindow,
} from "../../../src/ui/data/log-window.ts";

const QUESTION: LogQuestion = {
  flowRunId: "run",
  taskRunId: undefined,
  level: 0,
  search: "",
  place: undefined,
};
const FOLLOWED = { search: "", isFollowed: true };
const READ = { search: "", isFollowed: false };

/** A log as the server keeps it, and answers about it. */
class Server {
  readonly logs: Log[] = [];
  /** Records in all answers. */
  answered = 0;

  write(count: number, at: number, message = "text"): void {
    for (let left = count; left > 0; left -= 1) {
      const timestamp = formatInstant(at);
      this.logs.push({
        id: String(this.logs.length),
        created: timestamp,
        updated: timestamp,
        name: "",
        level: 20,
        message,
        timestamp,
        flow_run_id: "run",
        task_run_id: null,
        worker_id: null,
      });
    }
  }

  answer(question: LogQuestion, known: LogWindow | undefined): Log[] | null {
    const request = askForLogs(question, known);
    if (request === null) return null;
    const { logs, limit, offset } = request.body as {
      logs: { timestamp?: { before_?: string; after_?: string } };
      limit: number;
      offset: number;
    };
    const { before_, after_ } = logs.timestamp ?? {};
    const filter: LogFilter = {
      ...(before_ !== undefined && { timestamp_before: before_ }),
      ...(after_ !== undefined && { timestamp_after: after_ }),
    };
    const stamps = this.logs.map(({ timestamp }) => timestamp).toSorted();
    const chunk = {
      flow_run_id: "run",
      place: 0,
      log_count: this.logs.length,
      characters: 0,
      level_min: 0,
      level_max: 50,
      timestamp_min: stamps[0] ?? "",
      timestamp_max: stamps.at(-1) ?? "",
    };
    const openChunk = () => this.logs;
    const page = readPage({ chunks: [chunk], filter, sort: "TIMESTAMP_DESC", limit, offset, openChunk });
    this.answered += page.length;
    return page;
  }

  look(known: LogWindow | undefined, how: typeof READ, place?: LogPlace): LogWindow {
    const found = this.answer({ ...QUESTION, place }, known);
    if (found === null) throw new Error("Nothing more is asked for.");
    return joinLogs(known, found, how);
  }
}

const idsOf = ({ records }: LogWindow) => records.map(({ id }) => Number(id));
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

test("a log that grows is asked only for what is new", () => {
  const server = new Server();
  let shown = server.look(undefined, FOLLOWED);
  expect(shown).toEqual({ records: [], hasEarlier: false, lines_left_out: 0 });
  server.write(150, 0);
  shown = server.look(shown, FOLLOWED);
  server.answered = 0;
  for (let at = 10_000; at < 500_000; at += 10_000) {
    server.write(3, at);
    shown = server.look(shown, FOLLOWED);
  }
  expect(idsOf(shown)).toEqual(range(0, server.logs.length));
  // What was the newest is asked for again, as others of that very moment may have come, and the first time 150 were.
  expect(server.answered).toBe(153 + 48 * 6);
});

test("lines that come late have their place, and an answer that brings nothing changes nothing", () => {
  const server = new Server();
  server.write(5, 10_000);
  server.write(5, 12_000);
  const before = server.look(undefined, FOLLOWED);
  expect(server.look(before, FOLLOWED)).toBe(before);
  server.write(1, 11_000);
  server.write(1, 10_000);
  const after = server.look(before, READ);
  expect(idsOf(after)).toEqual([0, 1, 2, 3, 4, 11, 10, 5, 6, 7, 8, 9]);
});

test("large records are not asked for again and again because others may be late", () => {
  const server = new Server();
  let shown: LogWindow | undefined;
  for (let at = 0; at < 100; at += 1) {
    server.write(1, at, "x".repeat(32_000));
    shown = server.look(shown, FOLLOWED);
  }
  expect(server.answered).toBeLessThan(100 * 6);
});

test("while the end is followed the oldest make room, and are not taken for new ones", () => {
  const server = new Server();
  // All of one moment, as a worker numbers the lines of one look.
  let shown: LogWindow | undefined;
  for (let round = 0; round < 20; round += 1) {
    server.write(100, 5);
    shown = server.look(shown, FOLLOWED);
  }
  expect(shown && idsOf(shown)).toEqual(range(1500, 2000));
  expect(shown?.hasEarlier).toBe(true);
  server.write(20, 6, "x".repeat(100_000));
  shown = server.look(shown, FOLLOWED);
  expect(idsOf(shown)).toEqual(range(2010, 2020));
  const again = server.look(shown, FOLLOWED);
  expect(again).toBe(shown);
});

test("who follows gets the newest where too many came at once", () => {
  const server = new Server();
  server.write(10, 0);
  const shown = server.look(undefined, FOLLOWED);
  server.write(1000, 1);
  const next = server.look(shown, FOLLOWED);
  expect(idsOf(next)).toEqual(range(810, 1010));
  expect(next.hasEarlier).toBe(true);
});

test("who reads keeps all that was there, and new lines are counted as long as there is room", () => {
  const server = new Server();
  for (let at = 0; at < 10; at += 1) server.write(20, at);
  let shown = server.look(undefined, FOLLOWED);
  const left = shown.records.at(-1)?.id ?? "";
  expect(countNewer(shown, left)).toBe(0);
  server.write(6, 10, "two\nlines");
  shown = server.look(shown, READ);
  expect(countNewer(shown, left)).toBe(12);
  for (let at = 11; shown.lines_left_out === 0; at += 1) {
    server.write(150, at);
    shown = server.look(shown, READ);
    expect(idsOf(shown)).toEqual(range(0, shown.records.length));
  }
  expect(shown.records.length).toBeLessThanOrEqual(2000);
  expect(countNewer(shown, left)).toBe(server.logs.length - 200 + 6);
  // Nothing more is read for a reader who does not see it.
  expect(server.answer(QUESTION, shown)).toBeNull();
});

test("of what a search finds the lines that it shows are counted", () => {
  const server = new Server();
  const text = Array.from({ length: 100 }, (_, index) => (index === 50 ? "a needle" : "hay")).join("\n");
  server.write(1, 0, text);
  const shown = server.look(undefined, { search: "needle", isFollowed: true });
  server.write(2, 1, text);
  const next = server.look(shown, { search: "needle", isFollowed: false });
  // The one that matches, two on each side, and a word for those before and those behind.
  expect(countNewer(next, "0")).toBe(2 * 7);
});

test("who reads is told that there is more where too much came at once", () => {
  const server = new Server();
  server.write(10, 0);
  const shown = server.look(undefined, FOLLOWED);
  server.write(1000, 1);
  expect(server.look(shown, READ)).toEqual({ ...shown, lines_left_out: 200 });
});

test("earlier pages follow without a gap, however many lines come meanwhile and are of one moment", () => {
  const server = new Server();
  for (let index = 0; index < 1000; index += 1) server.write(1, index < 300 || index > 800 ? index : 300);
  const places: (LogPlace | undefined)[] = [undefined];
  const pages: LogWindow[] = [];
  for (let place: LogPlace | undefined; places.length > pages.length; place = places.at(-1)) {
    const page = server.look(undefined, FOLLOWED, place);
    pages.unshift(page);
    server.write(70, 2000 + pages.length);
    const earlier = findEarlier(page, place);
    if (earlier !== undefined) places.push(earlier);
    // It is asked for once.
    if (place !== undefined) expect(server.answer({ ...QUESTION, place }, page)).toBeNull();
  }
  expect(pages.flatMap(idsOf)).toEqual(range(0, 1000));
});

test("a page of long records ends early, and the next goes on from there", () => {
  const server = new Server();
  for (let index = 0; index < 100; index += 1) server.write(1, index, "x".repeat(32_000));
  const page = server.look(undefined, FOLLOWED);
  expect(idsOf(page)).toEqual(range(69, 100));
  const place = findEarlier(page, undefined);
  expect(idsOf(server.look(undefined, FOLLOWED, place))).toEqual(range(38, 69));
});
