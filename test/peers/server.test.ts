/** Bugs of others that concern holders in processes of their own, and a server that is away: a real one. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { startProxy, type Fault } from "../prefect/support/proxy.ts";
import { cleanEnvironment, collect, SLUICE_BIN } from "../support/sluice.ts";
import { BOUND, fixtureCommand, useFleet } from "./fleet.ts";

const BUSY_HOLDER = fileURLToPath(new URL("../fixtures/busy-holder.ts", import.meta.url));
const fleet = useFleet();

function start(words: string[], env: Record<string, string> = {}) {
  return collect(
    spawn(process.execPath, words, {
      env: cleanEnvironment({ ...fleet.env, ...env }),
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
}

// Who is busy with its work for half a minute cannot renew there, and another one can take its job or its slot.
test("taskforcesh/bullmq#3056, PrefectHQ/prefect#21925: a holder whose event loop is blocked for longer than its lease keeps it", async () => {
  const busy = start([BUSY_HOLDER, "5", "7000", "0", "strict"]);
  await expect.poll(() => fleet.holdersOf("gpu"), BOUND).toBe(1);
  expect(JSON.parse((await busy).stdout)).toEqual({ wasAborted: false });
  expect(await fleet.holdersOf("gpu")).toBe(0);
});

// One renewal that failed in passing ended the flow, whose lease had minutes to go.
test("PrefectHQ/prefect#21064: a holder lives through renewals that fail in every way until one succeeds", async () => {
  await using proxy = await startProxy(fleet.server.url);
  const faults: Fault[] = [
    { kind: "answer", status: 503 },
    { kind: "cut_before" },
    { kind: "answer", status: 500 },
  ];
  let renewals = 0;
  proxy.fault = ({ path }) => {
    if (!path.endsWith("/renew")) return undefined;
    renewals += 1;
    return faults[renewals - 1];
  };
  const go = join(fleet.folder, "go");
  const words = [
    "exec",
    "--limit",
    "gpu",
    "--lease",
    "10s",
    "--",
    "sh",
    "-c",
    fixtureCommand("wait-for-file.sh", go),
  ];
  const holder = start([SLUICE_BIN, ...words], { SLUICE_API_URL: `${proxy.url}/api` });
  await expect.poll(() => renewals, BOUND).toBeGreaterThan(faults.length);
  expect(await fleet.holdersOf("gpu")).toBe(1);
  writeFileSync(go, "0");
  expect((await holder).exitCode).toBe(0);
  expect(await fleet.holdersOf("gpu")).toBe(0);
});

// Leases are kept in memory by default: a restart forgets them, and limits no longer say what is true.
test("PrefectHQ/prefect#20090: after kill -9 of the server its holders hold what they held, and give it back", async () => {
  const { client, server } = fleet;
  await client.limits.create({ name: "kept", limit: 4 });
  const { http } = client;
  const grants = await Promise.all(
    Array.from({ length: 4 }, () =>
      http.post<{ lease_id: string }>("/v2/concurrency_limits/acquire", {
        names: ["kept"],
        request_id: crypto.randomUUID(),
      }),
    ),
  );
  await server.kill9();
  await server.restart();
  expect((await client.limits.read("kept")).active_slots).toBe(4);
  for (const { lease_id } of grants) {
    await http.post(`/v2/concurrency_limits/leases/${lease_id}/renew`, { lease_duration: 60 });
    await http.post(`/v2/concurrency_limits/leases/${lease_id}/release`, {});
  }
  expect((await client.limits.read("kept")).active_slots).toBe(0);
});
