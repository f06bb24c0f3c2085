/** Limits through the real executable: `gcl` and `concurrency-limit`. */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { LeaseRecord, Limit, LimitHistory, TagLimit, WaiterRecord } from "../../src/contract/wire/limits.ts";
import { useCommandLine } from "../support/command-line.ts";

const cli = useCommandLine();
const { succeed, read, fail } = cli;

describe("gcl", () => {
  test("a limit from its creation to its end", async () => {
    expect(await succeed("gcl", "create", "gpu:gpu-1", "--limit", "2")).toBe(
      "Created the concurrency limit gpu:gpu-1 with 2 slots.\n",
    );
    await fail(
      "A concurrency limit named gpu:gpu-1 exists already; change it with `sluice gcl update gpu:gpu-1`.",
      "gcl",
      "create",
      "gpu:gpu-1",
      "--limit",
      "3",
    );
    const named = await read(Limit, "gcl", "create", "gpus", "--slot-name", "GPU-a", "--slot-name", "GPU-b");
    expect(named).toMatchObject({ limit: 2, slot_names: ["GPU-a", "GPU-b"] });

    expect((await succeed("gcl", "ls")).split("\n").map((line) => line.split(/\s{2,}/))).toEqual([
      ["NAME", "USED", "LIMIT", "WAITING", "ACTIVE", "DECAY/S"],
      ["gpu:gpu-1", "0", "2", "0", "yes", "-"],
      ["gpus", "0", "2", "0", "yes", "-"],
      [""],
    ]);
    expect((await read(z.array(Limit), "gcl", "ls")).map(({ name }) => name)).toEqual(["gpu:gpu-1", "gpus"]);
    expect(await read(z.array(Limit), "gcl", "ls", "--limit", "1", "--offset", "1")).toHaveLength(1);
    expect(await succeed("gcl", "inspect", "gpus")).toContain("GPU-a, GPU-b");
    expect(await read(Limit, "gcl", "inspect", named.id)).toMatchObject({ name: "gpus" });

    expect(await read(Limit, "gcl", "update", "gpu:gpu-1", "--limit", "3")).toMatchObject({ limit: 3 });
    await succeed("gcl", "disable", "gpu:gpu-1");
    await fail("The concurrency limit gpu:gpu-1 is disabled already.", "gcl", "disable", "gpu:gpu-1");
    expect(await read(Limit, "gcl", "enable", "gpu:gpu-1")).toMatchObject({ active: true });

    await fail("No concurrency limit named gpu:gpu1; did you mean gpu:gpu-1?", "gcl", "inspect", "gpu:gpu1");
    await fail(
      "No concurrency limit named the licence; create it with `sluice gcl create 'the licence' --limit 1`.",
      "gcl",
      "delete",
      "the licence",
    );
    expect(await succeed("gcl", "delete", "gpu:gpu-1")).toBe("Deleted the concurrency limit gpu:gpu-1.\n");
    expect(await read(z.array(Limit), "gcl", "ls")).toHaveLength(1);
  });

  test("who holds, who waits, and ending a lease by force", async () => {
    await succeed("gcl", "create", "one", "--limit", "1");
    expect(await cli.run("gcl", "holders", "one")).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "Nobody holds a slot of one.\n",
    });
    const first = await cli.api.limits.acquire({ names: ["one"], request_id: "first", note: "the first" });
    await cli.api.limits.acquire({ names: ["one"], request_id: "second", note: "the second" });
    const [holder] = await read(z.array(LeaseRecord), "gcl", "holders", "one");
    expect(holder).toMatchObject({ lease_id: "lease_id" in first && first.lease_id, note: "the first" });
    expect(await read(z.array(WaiterRecord), "gcl", "waiters", "one")).toMatchObject([
      { position: 1, note: "the second" },
    ]);
    expect(await succeed("gcl", "holders", "one")).toMatch(/WHO .*\nthe first +1 +\S+.* in \d/);
    expect(await succeed("gcl", "waiters", "one")).toMatch(/\n1 +the second +1 /);
    expect((await succeed("gcl", "ls")).split("\n").find((line) => line.startsWith("one "))).toMatch(
      /^one +1 +1 +1 +yes/,
    );
    const deletion = await cli.run("gcl", "delete", "one");
    expect(deletion.exitCode).toBe(1);
    expect(deletion.stderr).toContain("`sluice gcl delete one --force`");
    await succeed("gcl", "release", holder?.lease_id ?? "");
    expect(await read(z.array(LeaseRecord), "gcl", "holders", "one")).not.toContainEqual(
      expect.objectContaining({ lease_id: holder?.lease_id }),
    );
    const history = await read(LimitHistory, "gcl", "history", "one");
    expect(history.leases).toMatchObject([{ note: "the first", ended_by: "operator" }]);
    expect(await succeed("gcl", "history", "one", "--seconds", "600", "--limit", "5")).toMatch(
      /\nthe first +1 +\S+.* +operator +\S+\n/,
    );
    await succeed("gcl", "delete", "one", "--force");
  });
});

test("concurrency-limit", async () => {
  expect(await read(TagLimit, "concurrency-limit", "create", "db", "3")).toMatchObject({
    concurrency_limit: 3,
  });
  expect(await succeed("concurrency-limit", "create", "db", "4")).toContain("At most 4 tasks");
  expect(await read(TagLimit, "concurrency-limit", "inspect", "db")).toMatchObject({ concurrency_limit: 4 });
  expect(await read(z.array(TagLimit), "concurrency-limit", "ls")).toHaveLength(1);
  expect(await succeed("gcl", "ls")).toContain("tag:db");
  await succeed("concurrency-limit", "reset", "db");
  await succeed("concurrency-limit", "delete", "db");
  await fail(
    "No limit on a tag named db; create it with `sluice concurrency-limit create db 1`.",
    "concurrency-limit",
    "inspect",
    "db",
  );
});
