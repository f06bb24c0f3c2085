/** What programs write for terminals, as a page shows it. */
import { expect, test } from "vitest";
import { isolate, toReadable } from "../../../src/ui/data/readable-text.ts";

test("colours, moves of the cursor, titles, links and character sets are left out", () => {
  expect(toReadable("\u001B[1;31mERROR\u001B[0m it \u001B[38:2::255:0:0mburns\u001B[K\u001B[?25h")).toBe(
    "ERROR it burns",
  );
  expect(toReadable("\u009B32mok\u009B0m")).toBe("ok");
  expect(toReadable("\u001B]0;a title\u0007text")).toBe("text");
  expect(toReadable("see \u001B]8;;https://example.com\u001B\\this\u001B]8;;\u001B\\ page")).toBe(
    "see this page",
  );
  expect(toReadable("\u001B(Bplain\u001B7\u001B=\u001BM")).toBe("plain");
});

test("what was cut off takes no other line with it, and nothing of a long one takes long", () => {
  expect(toReadable("end\u001B[3\nthe next line")).toBe("end\nthe next line");
  expect(toReadable("\u001B]0;a title without an end\nthe next line")).toBe("\nthe next line");
  expect(toReadable("\u001B]".repeat(500_000))).toBe("");
  expect(toReadable("\u001B[".repeat(500_000))).toBe("");
});

test("lines that a terminal would write over each other follow each other, and no other control is left", () => {
  expect(toReadable("a\r\nb\n10 %\r20 %\tof it")).toBe("a\nb\n10 %\n20 %\tof it");
  expect(toReadable("a\u0000b\u0008c\u007Fd\u0085e")).toBe("abcde");
});

test("no character makes the others read backwards, and letters of every direction stay", () => {
  expect(toReadable("\u202Egnp.exe\u202C and \u202Bthis")).toBe("gnp.exe and this");
  expect(toReadable("שלום 👩‍🚀 \u2067x\u2069")).toBe("שלום 👩‍🚀 \u2067x\u2069");
});

test("a name that reads from right to left turns round nothing beside it, and others are as they are", () => {
  expect(isolate("gpu 301")).toBe("gpu 301");
  expect(isolate("שלום 301")).toBe("\u2068שלום 301\u2069");
  expect(isolate("\u202E51 s")).toBe("51 s");
  // What it leaves open itself ends with it.
  expect(isolate("\u2067שלום")).toBe("\u2068שלום\u2069");
});
