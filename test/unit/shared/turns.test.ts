import { expect, test } from "vitest";
import { Turns } from "../../../src/objects/shared/turns.ts";
import { createNodeHost } from "../../support/node-host.ts";

/** Turns whose commits and arrivals end when the test says so. */
function setUp() {
  const clock = { now: 1000 };
  const host = createNodeHost({ address: { workspace: "w", kind: "limit", key: "abcdef0123" }, clock });
  const commits: (() => void)[] = [];
  const arrivals: (() => void)[] = [];
  host.sync = () => new Promise((resolve) => commits.push(resolve));
  host.afterArrivals = (body) => arrivals.push(body);
  const turns = new Turns(host, { close: () => log.push("close"), fail: () => {}, settle: () => undefined });
  const log: string[] = [];
  const add = (name: string) => turns.add(() => log.push(name));
  const commit = async () => {
    commits.shift()?.();
    await Promise.resolve();
    await Promise.resolve();
  };
  return { clock, commits, arrivals, add, commit, log };
}

test("operations that come one at a time each run at once", async () => {
  const { clock, arrivals, add, commit, log } = setUp();
  for (const name of ["a", "b", "c"]) {
    add(name);
    await commit();
    clock.now += 2;
  }
  expect(log).toEqual(["a", "close", "b", "close", "c", "close"]);
  expect(arrivals).toEqual([]);
});

test("once operations come in crowds, a turn takes in all that have arrived; when the crowd has gone it waits no more", async () => {
  const { clock, arrivals, add, commit, log } = setUp();
  add("a");
  await commit();
  add("b"); // The same millisecond: a crowd.
  expect(log).toEqual(["a", "close"]);
  add("c");
  arrivals.shift()?.();
  expect(log).toEqual(["a", "close", "b", "c", "close"]);
  await commit();

  clock.now += 5;
  add("d"); // Alone, but the crowd may still be there.
  expect(log).not.toContain("d");
  arrivals.shift()?.();
  await commit();
  clock.now += 5;
  add("e");
  expect(log.slice(-4)).toEqual(["d", "close", "e", "close"]);
  expect(arrivals).toEqual([]);
});

test("what arrives during a commit waits for it, and shares the next", async () => {
  const { clock, arrivals, commits, add, commit, log } = setUp();
  add("a");
  clock.now += 1;
  add("b");
  clock.now += 1;
  add("c");
  expect(log).toEqual(["a", "close"]);
  await commit();
  expect(log).toEqual(["a", "close", "b", "c", "close"]);
  expect(arrivals).toEqual([]);
  expect(commits).toHaveLength(1);
});
