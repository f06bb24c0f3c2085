import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openLogFile } from "../../../src/server/log.ts";

test("keeps the newest lines and at most twice the size, also over restarts", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-log-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "server.log");
  for (const lines of [
    ["1111\n", "2222\n", "3333\n"],
    ["4444\n", "5555\n"],
  ]) {
    const log = openLogFile(path, 10);
    for (const line of lines) log.write(Buffer.from(line));
    log.close();
  }
  expect(readFileSync(`${path}.1`, "utf8")).toBe("3333\n4444\n");
  expect(readFileSync(path, "utf8")).toBe("5555\n");
});

test.skipIf(!existsSync("/dev/full"))("a full disk costs what is said meanwhile, and nothing else", () => {
  const log = openLogFile("/dev/full");
  expect(() => log.write(Buffer.from("lost"))).not.toThrow();
  log.close();
});
