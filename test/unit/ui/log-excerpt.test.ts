/** What is drawn of a message that was searched for. */
import { expect, test } from "vitest";
import { matchesText, parseTextQuery } from "../../../src/domain/journal/text-query.ts";
import { cutExcerpt, findMatches } from "../../../src/ui/data/log-excerpt.ts";

const lines = (count: number, change: (index: number) => string = (index) => `line ${index}`) =>
  Array.from({ length: count }, (_, index) => change(index)).join("\n");

test("without a search it is the whole of it", () => {
  expect(cutExcerpt(lines(1000), "")).toEqual([lines(1000)]);
});

test("of many lines those that match are there, with two before and after each", () => {
  const text = lines(1000, (index) => (index === 500 || index === 503 ? `a Needle in ${index}` : "hay"));
  expect(cutExcerpt(text, "needle")).toEqual([
    { folded: 498 },
    "\nhay\nhay\na ",
    { match: "Needle" },
    " in 500\nhay\nhay\na ",
    { match: "Needle" },
    " in 503\nhay\nhay\n",
    { folded: 494 },
  ]);
});

test("a single line is not left out, and at the ends nothing is", () => {
  expect(cutExcerpt("needle\n1\n2\n3\n4\n5\nneedle", "needle")).toEqual([
    { match: "needle" },
    "\n1\n2\n3\n4\n5\n",
    { match: "needle" },
  ]);
  expect(cutExcerpt("needle\n1\n2\n3\n4\n5\n6\nneedle", "needle")).toEqual([
    { match: "needle" },
    "\n1\n2\n",
    { folded: 2 },
    "\n5\n6\n",
    { match: "needle" },
  ]);
});

test("where nothing of it matches, which the logger's name does then, its beginning is there", () => {
  expect(cutExcerpt(lines(100), "prefect")).toEqual(["line 0\nline 1\nline 2\n", { folded: 97 }]);
  expect(cutExcerpt("short", "prefect")).toEqual(["short"]);
});

test("not every letter of a long message is marked", () => {
  const parts = cutExcerpt(
    lines(1000, () => "e e e"),
    "e",
  );
  expect(parts.filter((part) => typeof part === "object").length).toBe(200);
  const text = parts.map((part) => (typeof part === "string" ? part : "match" in part ? part.match : ""));
  expect(text.join("")).toBe(lines(1000, () => "e e e"));
});

test("it matches where the server says that it does", () => {
  for (const [text, search, found] of [
    ["An ERROR, an Error, an error", "eRRor", ["ERROR", "Error", "error"]],
    ["aaaa", "aa", ["aa", "aa"]],
    ["İİ then needle", "NEEDLE", ["needle"]],
    ["İstanbul", "i", ["İ"]],
    ["ΟΔΥΣΣΕΥΣ.", "οδυσσευς", ["ΟΔΥΣΣΕΥΣ"]],
    ["a.c abc", "a.c", ["a.c"]],
    ["😀 Ok", "ok", ["Ok"]],
    ["nothing", "else", []],
  ] as const) {
    expect(findMatches(text, search).map(([from, to]) => text.slice(from, to))).toEqual(found);
    expect(matchesText(parseTextQuery(`"${search}"`), text)).toBe(found.length > 0);
  }
});
