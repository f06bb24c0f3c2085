/** What was done from the command line is told by it. */
import { hostname, userInfo } from "node:os";
import { expect, test } from "vitest";
import { z } from "zod";
import { AuditEntry } from "../../src/contract/wire/audit.ts";
import { useCommandLine } from "../support/command-line.ts";

const { succeed, read } = useCommandLine();
const list = (...options: string[]) => read(z.array(AuditEntry), "audit", "ls", ...options);

test("audit ls: who did what to what, the latest first", async () => {
  await succeed("gcl", "create", "licence:x", "--limit", "2");
  await succeed("gcl", "update", "licence:x", "--limit", "1");
  await succeed("gcl", "disable", "licence:x");
  await succeed("work-pool", "create", "audited", "--type", "process");
  await succeed("work-pool", "pause", "audited");
  await succeed("variable", "set", "licence_y", "1");
  await expect.poll(async () => (await list("--target", "audited")).length).toBe(2);
  expect((await list("--target", "licence")).map(({ act }) => act)).toEqual([
    "variable.create",
    "limit.disable",
    "limit.update",
    "limit.create",
  ]);
  const who = `sluice-cli ${userInfo().username}@${hostname()}`;
  expect(await list("--act", "limit.up", "--actor", userInfo().username)).toMatchObject([
    { actor: who, target: { kind: "limit", name: "licence:x" }, changes: { limit: { from: 2, to: 1 } } },
  ]);
  expect(await list("--since", "2200-01-01", "--act", "limit.")).toEqual([]);
  const table = await succeed("audit", "ls", "--target", "licence:x", "--limit", "2");
  expect(table).toMatch(/limit\.disable +limit licence:x +active yes → no/);
  expect(table).toMatch(/limit\.update +limit licence:x +limit 2 → 1/);
  expect(table).not.toContain("limit.create");
  expect(table).toContain(who);
});
