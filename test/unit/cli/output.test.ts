import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import type { FlowRun } from "../../../src/contract/wire/flow-runs.ts";
import { runColumns } from "../../../src/cli/records/runs.ts";
import { formatDetails, formatTable, shrinkToFit, type Column } from "../../../src/cli/output/table.ts";
import { formatDuration, formatRelative } from "../../../src/cli/output/time.ts";

interface Row {
  name: string;
  used: number;
  note: string | null;
}
const COLUMNS: Column<Row>[] = [
  { title: "Name", value: ({ name }) => name },
  { title: "Used", value: ({ used }) => used, align: "right" },
  { title: "Note", value: ({ note }) => note, color: () => "red" },
];
const LONG = "a note that is longer than any narrow terminal is wide, so that it has to be wrapped somewhere";
const ROWS: Row[] = [
  { name: "gpu:gpu-1", used: 2, note: LONG },
  { name: "画像処理パイプライン", used: 10, note: null },
  { name: "x".repeat(70), used: 0, note: "short" },
];

describe("tables", () => {
  test.each([20, 40, 60, 80, 200])("fit a terminal of %d columns", async (width) => {
    const text = await formatTable(COLUMNS, ROWS, { width, hasColor: false });
    for (const line of text.split("\n")) expect(stringWidth(line)).toBeLessThanOrEqual(width);
  });

  test("names give way in their middle, sentences at their end", async () => {
    const rows = [{ name: `${"x".repeat(40)}-7`, used: 3, note: LONG }];
    const text = await formatTable(COLUMNS, rows, { width: 50, hasColor: false });
    expect(text.split("\n")).toEqual([
      "Name                   Used  Note",
      `${"x".repeat(10)}…${"x".repeat(8)}-7     3  a note that is longe…`,
    ]);
  });

  test("columns of a box stand one below the other, wide characters too", async () => {
    const text = await formatTable(COLUMNS, ROWS, { width: 200, hasColor: false });
    const borders = text.split("\n").map((line) => stringWidth(line));
    expect(new Set(borders).size).toBe(1);
  });

  test("a terminal too narrow for columns gets one record below the other", async () => {
    const text = await formatTable(COLUMNS, ROWS.slice(0, 1), { width: 20, hasColor: false });
    expect(text.split("\n").slice(0, 3)).toEqual(["Name  gpu:gpu-1", "Used  2", "Note  a note that is"]);
    for (const line of text.split("\n")) expect(stringWidth(line)).toBeLessThanOrEqual(20);
  });

  const ID = "01993a5c-7b1e-7777-8000-0123456789ab";
  const RUN: FlowRun = {
    id: ID,
    flow_id: "f",
    name: "affectionate-crocodile",
    state_name: "AwaitingRetry",
    state_type: "SCHEDULED",
    start_time: "2026-11-22T11:47:57.123456Z",
    estimated_run_time: 125,
  } as FlowRun;
  const listRuns = (width: number): Promise<string> => {
    const columns = runColumns(new Map([["f", "process-image"]]), Date.parse("2026-11-22T12:00:00Z"));
    return formatTable(columns, [RUN], { width, hasColor: false });
  };

  test("in a narrow terminal ids show their beginning, and the least important columns go", async () => {
    expect((await listRuns(130)).split("\n")[2]).toContain(`│ ${ID} │ process-image │`);
    expect((await listRuns(110)).split("\n")).toEqual([
      "Id                                    Flow           Name                    State          When         Took",
      `${ID}  process-image  affectionate-crocodile  AwaitingRetry  12m 3s ago  2m 5s`,
    ]);
    expect((await listRuns(80)).split("\n")).toEqual([
      "Id                   Flow           Name               State          When",
      "01993a5c-7b1e-7777…  process-image  affectio…rocodile  AwaitingRetry  12m 3s ago",
    ]);
    expect((await listRuns(60)).split("\n")).toEqual([
      "Id                   Name          State          When",
      "01993a5c-7b1e-7777…  affect…odile  AwaitingRetry  12m 3s ago",
    ]);
    expect((await listRuns(40)).split("\n")[0]).toBe(`Id     ${ID}`);
  });

  test("columns without lines between them where a box is too wide", async () => {
    const text = await formatTable(COLUMNS, [{ name: "n".repeat(20), used: 1, note: "m".repeat(20) }], {
      width: 51,
      hasColor: false,
    });
    expect(text.split("\n")).toEqual([
      "Name                  Used  Note",
      `${"n".repeat(20)}     1  ${"m".repeat(20)}`,
    ]);
  });

  test("without a terminal: aligned plain text, one line a row, no box, no colours", async () => {
    const text = await formatTable(COLUMNS, ROWS.slice(0, 2), { width: undefined, hasColor: false });
    expect(text.split("\n")).toEqual([
      "NAME                  USED  NOTE",
      `gpu:gpu-1                2  ${LONG}`,
      "画像処理パイプライン    10  -",
    ]);
  });

  test("colours only where they are wanted", async () => {
    const esc = "\u001b[";
    expect(await formatTable(COLUMNS, ROWS, { width: 80, hasColor: true })).toContain(`${esc}31m`);
    expect(await formatTable(COLUMNS, ROWS, { width: 80, hasColor: false })).not.toContain(esc);
  });

  test("what names hold cannot move the cursor", async () => {
    const rows = [{ name: "a\u001b[2Jb\r\u0007", used: 1, note: null }];
    const text = await formatTable(COLUMNS, rows, { width: undefined, hasColor: false });
    expect(text.split("\n")[1]).toBe("a [2Jb       1  -");
  });

  test("details", () => {
    const text = formatDetails(
      [
        ["Name", "x"],
        ["Average holding", null],
      ],
      { width: 80, hasColor: false },
    );
    expect(text).toBe("Name             x\nAverage holding  -");
  });

  test("the widest column gives way first", () => {
    expect(shrinkToFit([10, 50, 20], 60, [6, 6, 6])).toEqual([10, 30, 20]);
    expect(shrinkToFit([10, 50, 20], 60, [6, 40, 6])).toEqual([10, 40, 10]);
    expect(shrinkToFit([10, 10], 30, [6, 6])).toEqual([10, 10]);
    expect(shrinkToFit([10, 10], 11, [6, 6])).toBeUndefined();
  });
});

describe("times", () => {
  test.each([
    [0, "0s"],
    [0.25, "0.3s"],
    [3, "3s"],
    [59.6, "1m"],
    [125, "2m 5s"],
    [3600, "1h"],
    [3780, "1h 3m"],
    [3605, "1h"],
    [360_000, "4d 4h"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  test("relative to now", () => {
    const now = Date.parse("2026-11-22T12:00:00Z");
    expect(formatRelative("2026-11-22T11:59:57.123456Z", now)).toBe("3s ago");
    expect(formatRelative("2026-11-22T12:05:00.000000Z", now)).toBe("in 5m");
    expect(formatRelative("2026-11-22T12:00:00.100000Z", now)).toBe("now");
    expect(formatRelative(null, now)).toBe("-");
  });
});
