import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Cli, type CommonOptions } from "../../../src/cli/framework/cli.ts";
import { makeSystem } from "./system.ts";

/** Asks in a terminal where somebody types `answer`. */
async function ask(answer: string, common: CommonOptions = {}, isTerminal = true) {
  const system = makeSystem(isTerminal ? { columns: 80 } : {});
  const stdin = Object.assign(new PassThrough(), isTerminal ? { isTTY: true } : {});
  stdin.end(`${answer}\n`);
  const cli = new Cli({ ...system, stdin }, common);
  const outcome = await cli.confirm("Delete it?").then(
    () => "goes ahead",
    (error: unknown) => String(error),
  );
  return { outcome, asked: system.err().includes("Delete it? [y/N]") };
}

test.each([
  ["y", "goes ahead"],
  ["YES", "goes ahead"],
  ["n", "Error: Nothing was changed."],
  ["", "Error: Nothing was changed."],
  ["yellow", "Error: Nothing was changed."],
])("in a terminal %j: %s", async (answer, outcome) => {
  expect(await ask(answer)).toEqual({ outcome, asked: true });
});

test("nobody is asked without a terminal, or when the answer was given before", async () => {
  const silent = { outcome: "goes ahead", asked: false };
  expect(await ask("n", {}, false)).toEqual(silent);
  expect(await ask("n", { yes: true })).toEqual(silent);
  expect(await ask("n", { prompt: false })).toEqual(silent);
});

test("a question that is closed without an answer changes nothing", async () => {
  const system = makeSystem({ columns: 80 });
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  stdin.end();
  await expect(new Cli({ ...system, stdin }, {}).confirm("Delete it?")).rejects.toThrow(
    "Nothing was changed.",
  );
});
