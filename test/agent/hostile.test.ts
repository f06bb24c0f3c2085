/** Children that behave as badly as they can. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isGroupAlive } from "../../worker-agent/process-identity.ts";
import { agentFor, command, fixture, isAlive, makeFolder, pidOf, startPlane, until } from "./support.ts";

const MIB = 1024 * 1024;

test("a process that leaves its group and does not listen to TERM ends with its run", async () => {
  const plane = await startPlane();
  const file = join(makeFolder(), "daemon");
  const script = `sh ${fixture("daemon.sh")} ${file} & until [ -e ${file} ]; do sleep 0.02; done`;
  const ended = command(plane, ["sh", "-c", `${script}; kill $!; exit 4`]);
  agentFor(plane, { graceSeconds: 0.3 });
  expect(await plane.endOf(ended)).toMatchObject({ exit_code: 4, outcome: "exited" });
  expect(isAlive(Number(readFileSync(file, "utf8")))).toBe(false);
  const other = join(makeFolder(), "daemon");
  const cancelled = command(plane, ["sh", fixture("daemon.sh"), other]);
  const pid = await pidOf(plane, cancelled);
  await until("the daemon", () => existsSync(other));
  plane.cancelling.add(cancelled.id);
  plane.wake("cancel");
  expect(await plane.endOf(cancelled)).toMatchObject({ outcome: "cancelled" });
  expect(isGroupAlive(pid) || isAlive(Number(readFileSync(other, "utf8")))).toBe(false);
});

test("a burst of 100 MB costs neither the run nor the agent's memory", async () => {
  const plane = await startPlane();
  const run = command(plane, [
    "sh",
    "-c",
    `head -c ${100 * MIB} /dev/zero | tr '\\0' 'x' | fold -w 999; echo last`,
  ]);
  const { agent } = agentFor(plane, { logBytesMax: MIB });
  await agent.ready;
  const before = process.memoryUsage().rss;
  expect(await plane.endOf(run, 50_000)).toMatchObject({ exit_code: 0 });
  await plane.until(
    "the note of the loss",
    () => plane.outputOf(run).at(-1)?.includes("were not sent") === true,
  );
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * MIB);
});

test("closed streams, a deleted folder, a deleted log and a deleted state do not stop a run", async () => {
  const plane = await startPlane();
  const cwd = makeFolder();
  const script =
    'exec >&- 2>&-; rmdir "$PWD"; rm -f "$(dirname "$SLUICE_PARAMETERS_FILE")"/*.log; sleep 0.7; exit 6';
  const run = command(plane, ["sh", "-c", script], {
    job_variables: { working_dir: cwd, command: ["sh", "-c", script] },
  });
  agentFor(plane);
  expect(await plane.endOf(run)).toMatchObject({ exit_code: 6 });
  const wipe = command(plane, ["sh", "-c", 'rm -rf "$(dirname "$SLUICE_PARAMETERS_FILE")"; exit 5']);
  expect(await plane.endOf(wipe)).toMatchObject({ exit_code: 5 });
  const killed = command(plane, ["sh", "-c", 'rm -rf "$(dirname "$SLUICE_PARAMETERS_FILE")"; kill -KILL $$']);
  expect(await plane.endOf(killed)).toMatchObject({ exit_code: null, signal: "SIGKILL" });
  expect(await plane.endOf(command(plane, ["true"]))).toMatchObject({ exit_code: 0 });
});

test("fifty children at once that write, fail and are killed each get their own end", async () => {
  const plane = await startPlane();
  const runs = Array.from({ length: 50 }, (_, index) =>
    command(plane, [
      "sh",
      "-c",
      `head -c 20000 /dev/urandom; printf "no end ${index}"; [ ${index} -lt 40 ] || kill -9 $$; exit ${index}`,
    ]),
  );
  agentFor(plane, { limit: 50 });
  for (const [index, run] of runs.entries()) {
    const end = await plane.endOf(run, 50_000);
    if (index < 40) expect(end).toMatchObject({ exit_code: index, outcome: "exited" });
    else expect(end).toMatchObject({ exit_code: null, signal: "SIGKILL", outcome: "exited" });
    expect(plane.outputOf(run).at(-1)).toContain(`no end ${index}`);
  }
});
