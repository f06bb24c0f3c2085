/** Following events while their server is killed and started again. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ReceivedEvent } from "../../src/contract/wire/events.ts";
import { useCommandLine } from "../support/command-line.ts";
import { collect, spawnSluice } from "../support/sluice.ts";
import { waitFor } from "../support/wait-for.ts";

const cli = useCommandLine();

const emit = (event: string, resource: string) =>
  cli.succeed("event", "emit", event, "--resource-id", resource);

/** Starts to follow events; `lines` are those that it has printed. */
function follow(...args: string[]) {
  const child = spawnSluice(["event", "stream", ...args], { env: cli.env });
  let printed = "";
  let said = "";
  child.stdout?.on("data", (text: Buffer) => (printed += text.toString()));
  child.stderr?.on("data", (text: Buffer) => (said += text.toString()));
  return {
    child,
    said: () => said,
    lines: () => printed.split("\n").slice(0, -1),
    events: () =>
      printed
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as ReceivedEvent),
  };
}

test("each is shown once, also across a restart of the server, until Ctrl-C", async () => {
  const resource = `thing.${randomUUID()}`;
  await emit("e2e.before", resource);
  const following = follow("--prefix", "e2e.", "--resource-id", resource, "-o", "json");
  const names = () => following.events().map(({ event }) => event);
  await waitFor(() => expect(names()).toEqual(["e2e.before"]));
  await emit("e2e.live", resource);
  await emit("other.live", resource);
  await emit("e2e.live", "thing.else");
  await waitFor(() => expect(names()).toEqual(["e2e.before", "e2e.live"]));
  await cli.server.kill9();
  await waitFor(() => expect(following.said()).toContain("waiting for the server"));
  await cli.server.restart();
  await emit("e2e.after", resource);
  await waitFor(() => expect(names()).toEqual(["e2e.before", "e2e.live", "e2e.after"]));
  const ended = collect(following.child);
  following.child.kill("SIGINT");
  await ended;
  expect(following.child.signalCode).toBe("SIGINT");
  expect(new Set(following.events().map(({ id }) => id)).size).toBe(3);
});

test("one is enough, and a file may have it, in either form", async () => {
  const resource = `thing.${randomUUID()}`;
  await emit("e2e.kept", resource);
  const once = ["event", "stream", "--resource-id", resource, "--run-once"];
  const line = expect.stringMatching(new RegExp(`^\\S+Z e2e\\.kept ${resource}\\n$`));
  expect(await cli.succeed(...once)).toEqual(line);
  expect(await cli.succeed(...once, "--output-file", "events.txt")).toBe("");
  expect(await cli.succeed(...once, "--output-file", "events.txt", "--format", "json")).toBe("");
  const [text, json] = readFileSync(join(cli.folder, "events.txt"), "utf8").trimEnd().split("\n");
  expect(`${text}\n`).toEqual(line);
  expect(JSON.parse(json ?? "")).toMatchObject({ event: "e2e.kept" });
  await cli.fail(
    "The file no/such.txt cannot be written: ENOENT: no such file or directory, open 'no/such.txt'.",
    ...once,
    "--output-file",
    "no/such.txt",
  );
});

test("what the server refuses is told, and not asked again", () =>
  cli.fail("The filter is too long.", "event", "stream", "--prefix", "p".repeat(8000)));

test("a server that is not there is told at once", async () => {
  const { exitCode, stderr } = await cli.run("event", "stream", "--api-url", "http://127.0.0.1:1");
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining("Nothing answers at http://127.0.0.1:1")]);
});
