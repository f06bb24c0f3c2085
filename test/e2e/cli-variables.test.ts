/** Variables, and what completion asks the server for. */
import { expect, test } from "vitest";
import { z } from "zod";
import { Variable } from "../../src/contract/wire/logs.ts";
import { useCommandLine } from "../support/command-line.ts";

const cli = useCommandLine();
const { succeed, read, fail } = cli;

test("variable", async () => {
  expect(await read(Variable, "variable", "set", "sizes", '{"w": [1, 2]}')).toMatchObject({
    value: { w: [1, 2] },
  });
  await fail(
    "A variable named sizes exists already; use --overwrite to replace its value.",
    "variable",
    "set",
    "sizes",
    "x",
  );
  await succeed("variable", "set", "sizes", "plain text", "--overwrite", "--tag", "t");
  expect(await succeed("variable", "get", "sizes")).toBe("plain text\n");
  expect(await read(Variable, "variable", "inspect", "sizes")).toMatchObject({ tags: ["t"] });
  expect((await read(z.array(Variable), "variable", "ls")).map(({ name }) => name)).toContain("sizes");
  await succeed("variable", "unset", "sizes");
  await fail(
    "No variable named sizes; create it with `sluice variable set sizes VALUE`.",
    "variable",
    "get",
    "sizes",
  );
});

test("completion offers what is on the server", async () => {
  await succeed("gcl", "create", "licence:matlab", "--limit", "1");
  expect(await succeed("complete", "--", "gcl", "inspect", "lic")).toBe("licence:matlab\t\n:4\n");
  for (const shell of ["bash", "zsh", "fish"]) expect(await succeed("completion", shell)).toContain("sluice");
  await succeed("gcl", "delete", "licence:matlab");
});
