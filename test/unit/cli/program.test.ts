import { describe, expect, test } from "vitest";
import { complete } from "../../../src/cli/framework/complete.ts";
import { isGroup, type Command } from "../../../src/cli/framework/command.ts";
import { findNode } from "../../../src/cli/framework/find-command.ts";
import { runCli } from "../../../src/cli/framework/program.ts";
import { readLine } from "../../../src/cli/framework/read-line.ts";
import { tree } from "../../../src/cli/tree.ts";
import { listLeaves, splitWords } from "./command-lines.ts";
import { makeSystem } from "./system.ts";

async function run(...argv: string[]) {
  const system = makeSystem();
  const exitCode = await runCli(argv, tree, system);
  return { exitCode, out: system.out(), err: system.err() };
}

const LEAVES = listLeaves(tree);

describe("every command", () => {
  test.each(LEAVES)("%s loads, explains itself, and its examples can be typed", async (name, leaf) => {
    const help = await run(...name.split(" "), "--help");
    expect(help).toMatchObject({ exitCode: 0, err: "" });
    expect(help.out).toContain(leaf.summary);
    expect(help.out).toContain(`Usage: sluice ${name}`);
    const command = (await leaf.load()).command as Command;
    expect(command.examples.length).toBeGreaterThan(0);
    for (const example of command.examples) {
      const words = splitWords(example);
      const start = words.indexOf("sluice");
      expect(start, example).toBeGreaterThanOrEqual(0);
      const found = findNode(tree, words.slice(start + 1));
      expect(found.names.join(" "), example).toBe(name);
      await expect(readLine(command, "", found.names, found.rest, makeSystem())).resolves.toBeDefined();
    }
  });
});

describe("wrong usage exits with 2 and one sentence", () => {
  test.each([
    [["gcl", "crate"], "sluice gcl has no command crate; did you mean `sluice gcl create`?"],
    [["frobnicate"], "sluice has no command frobnicate; see `sluice --help`."],
    [["work-pol", "ls"], "sluice has no command work-pol; did you mean `sluice work-pool`?"],
    [["gcl", "create"], "sluice gcl create wants NAME; see `sluice gcl create --help`."],
    [["gcl", "create", "x"], "sluice gcl create wants --limit, or the slots by --slot-name."],
    [
      ["gcl", "create", "x", "--limit", "many"],
      '--limit wants a whole number from 0 to 1000000, not "many".',
    ],
    [["gcl", "create", "x", "--limit", "3", "--slot-name", "a"], "--limit says 3, but 1 slot is named."],
    [
      ["gcl", "create", "a/b", "--limit", "1"],
      'NAME wants a name without any of the characters / % & > <, not "a/b".',
    ],
    [
      ["gcl", "create", "  ", "--limit", "1"],
      'NAME wants a name that neither begins nor ends with a blank, not "  ".',
    ],
    [["gcl", "create", "x", "--limt", "1"], "sluice gcl create has no option --limt; did you mean --limit?"],
    [["gcl", "ls", "x"], "sluice gcl ls takes no arguments, not 1; see `sluice gcl ls --help`."],
    [["gcl", "ls", "-o", "xml"], '--output wants text or json, not "xml".'],
    [["gcl", "update", "x"], "sluice gcl update wants something to change; see `sluice gcl update --help`."],
    [["gcl", "update", "x", "--enable", "--disable"], "--enable and --disable exclude each other."],
    [["worker", "start"], "sluice worker start wants -p, --pool <name>; see `sluice worker start --help`."],
    [["deployment", "run", "x"], 'NAME wants the form FLOW/DEPLOYMENT, or an id, not "x".'],
    [
      ["deployment", "run", "a/b", "--start-in", "1m", "--start-at", "2030-01-01"],
      "--start-in and --start-at exclude each other.",
    ],
    [
      ["deployment", "schedule", "create", "a/b"],
      "sluice deployment schedule create wants one of --cron, --interval and --rrule.",
    ],
    [
      ["deployment", "schedule", "create", "a/b", "--cron", "0 3 * * *", "--timezone", "Europe/Berlim"],
      "There is no time zone Europe/Berlim; did you mean Europe/Berlin?",
    ],
    [["gcl", "release", "x"], 'LEASE_ID wants an id like 01993a5c-7b1e-7000-8000-0123456789ab, not "x".'],
    [
      ["flow-run", "logs", "01993a5c-7b1e-7000-8000-0123456789ab", "--head", "--tail"],
      "--head and --tail exclude each other.",
    ],
    [
      ["flow-run", "ls", "--state-type", "DONE"],
      '--state-type wants one of SCHEDULED, PENDING, RUNNING, COMPLETED, FAILED, CANCELLED, CRASHED, PAUSED, CANCELLING, not "DONE".',
    ],
    [
      ["gcl", "ls", "--api-url", "nowhere"],
      '--api-url wants an address like http://127.0.0.1:4200/api, not "nowhere".',
    ],
    [
      ["config", "set", "SLUICE_API_ULR=x"],
      'NAME=VALUE wants a setting (did you mean SLUICE_API_URL?), not "SLUICE_API_ULR=x".',
    ],
    [["config", "unset", "SLUICE_API_KEY", "-o", "xml"], '--output wants text or json, not "xml".'],
    [
      ["config", "set", "SLUICE_API_KEY=x", "--jsn"],
      "sluice config set has no option --jsn; did you mean --json?",
    ],
    [["gcl", "--frobnicate"], "sluice gcl has no option --frobnicate."],
  ])("%j", async (argv, sentence) => {
    expect(await run(...argv)).toEqual({ exitCode: 2, out: "", err: `${sentence}\n` });
  });

  test("a group alone prints its help on stderr", async () => {
    const { exitCode, out, err } = await run("gcl");
    expect(exitCode).toBe(2);
    expect(out).toBe("");
    expect(err).toContain("holders");
  });
});

describe("help", () => {
  test.each([[["--help"]], [["help"]], [["-h"]]])("%j of everything", async (argv) => {
    const { exitCode, out } = await run(...argv);
    expect(exitCode).toBe(0);
    for (const name of Object.keys(tree.commands)) expect(out).toContain(name);
  });
  test.each([[["help", "gcl", "create"]], [["gcl", "help", "create"]], [["gcl", "create", "--help"]]])(
    "%j of one command",
    async (argv) => {
      const { exitCode, out } = await run(...argv);
      expect(exitCode).toBe(0);
      expect(out).toContain("sluice gcl create gpu:gpu-1 --limit 2");
    },
  );
});

describe("options before and after the command", () => {
  test("mean the same", () => {
    expect(findNode(tree, ["--profile", "x", "gcl", "-o", "json", "ls"])).toMatchObject({
      names: ["gcl", "ls"],
      rest: ["--profile", "x", "-o", "json"],
    });
    expect(findNode(tree, ["global-concurrency-limit", "ls"]).names).toEqual(["gcl", "ls"]);
  });
});

describe("what hands that know Prefect's command line type", () => {
  const read = async (line: string) => {
    const { node, names, rest } = findNode(tree, splitWords(line).slice(1));
    if (isGroup(node)) throw new Error(`${line} names no command`);
    const found = await readLine((await node.load()).command as Command, "", names, rest, makeSystem());
    return { name: names.join(" "), ...found?.values, ...found?.common };
  };
  test.each([
    ["sluice deployments ls flow-a flow-b", { name: "deployment ls", names: ["flow-a", "flow-b"] }],
    ["sluice work-pools ls", { name: "work-pool ls" }],
    ["sluice flow-runs ls --limit 3", { name: "flow-run ls", limit: 3 }],
    ["sluice deployment run a/b -p x=1 --no-watch", { param: [{ key: "x", value: 1 }], watch: false }],
    ["sluice deployment run a/b -jv image=x", { jobVariables: [{ key: "image", value: "x" }] }],
    ["sluice deploy -n x -cl 3 --no-all", { concurrencyLimit: 3, all: false }],
    ["sluice deploy --all --no-enforce-parameter-schema", { noEnforce: true }],
    ["sluice deploy --all --enforce-parameter-schema", { noEnforce: false }],
    ["sluice worker start -p a", { noCreate: false }],
    ["sluice worker start -p a --no-create-pool-if-not-found", { noCreate: true }],
    ["sluice worker start -p a --create-pool-if-not-found", { noCreate: false }],
    ["sluice deployment schedule create a/b --cron x --no-active", { inactive: true }],
    ["sluice deployment schedule create a/b --cron x --active --day_or", { inactive: false, dayOr: false }],
    ["sluice deployment schedule clear a/b --accept-yes", { yes: true }],
    ["sluice work-pool preview p -h 3", { hours: 3 }],
    ["sluice flow-run logs r -h -n 3", { head: true, count: 3 }],
    ["sluice work-pool create p --no-paused --type process", { paused: false }],
    // What stands behind a wrapped command's name is its own, whatever it looks like.
    ["sluice exec --limit a cmd --no-json --yes", { words: ["cmd", "--no-json", "--yes"] }],
  ])("%s", async (line, wanted) => {
    expect(await read(line)).toMatchObject(wanted);
  });
});

describe("completion", () => {
  const valuesOf = async (...words: string[]) =>
    (await complete(words, tree, makeSystem())).candidates.map(({ value }) => value);
  test("of commands, options and choices", async () => {
    expect(await valuesOf("work")).toEqual(["work-pool", "work-queue", "worker"]);
    expect(await valuesOf("gcl", "up")).toEqual(["update"]);
    expect(await valuesOf("gcl", "create", "--sl")).toEqual(["--slot-name", "--slot-decay-per-second"]);
    expect(await valuesOf("config", "unset", "SLUICE_API_K")).toEqual(["SLUICE_API_KEY"]);
    expect(await valuesOf("config", "set", "SLUICE_API_K")).toEqual(["SLUICE_API_KEY="]);
    expect(await valuesOf("profile", "use", "")).toEqual(["default"]);
    await expect(valuesOf("nothing", "")).rejects.toThrow("no command nothing");
  });
});
