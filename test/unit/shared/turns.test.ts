import { expect, test } from "vitest";
import { Turns } from "../../../src/objects/shared/turns.ts";
import { createNodeHost } from "../../support/node-host.ts";

/** Turns whose commits end when the test says so. */
function setUp() {
  const clock = { now: 1000 };
  const host = createNodeHost({ address: { workspace: "w", kind: "limit", key: "abcdef0123" }, clock });
  const commits: (() => void)[] = [];
  host.sync = () => new Promise((resolve) => commits.push(resolve));
  const turns = new Turns(host, { close: () => log.push("close"), fail: () => {}, settle: () => undefined });
  const log: string[] = [];
  const add = (name: string) => turns.add(() => log.push(name));
  const commit = async () => {
    commits.shift()?.();
    await Promise.resolve();
    await Promise.resolve();
  };
  return { clock, commits, add, commit, log };
}

test("operations that come one at a time each run at once", async () => {
  const { clock, add, commit, log } = setUp();
  for (const name of ["a", "b", "c"]) {
    add(name);
    await commit();
    clock.now += 2;
  }
  expect(log).toEqual(["a", "close", "b", "close", "c", "close"]);
});

test("what arrives during a commit waits for it, and shares the next", async () => {
  const { clock, commits, add, commit, log } = setUp();
  add("a");
  clock.now += 1;
  add("b");
  clock.now += 1;
  add("c");
  expect(log).toEqual(["a", "close"]);
  await commit();
  expect(log).toEqual(["a", "close", "b", "c", "close"]);
  expect(commits).toHaveLength(1);
});
