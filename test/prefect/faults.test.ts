/** Faults between Prefect's clients and the server: answers that say "later", cut connections, slow ones, a killed server. */
import { beforeAll, expect, test } from "vitest";
import { findServerProcesses, waitForNoProcesses } from "../support/processes.ts";
import type { Fault } from "./support/proxy.ts";
import { describeFleet } from "./support/scene.ts";
import { NEWEST, OLDEST } from "./versions.ts";

/**
 * Faults one after the other, and between them calls that pass, as a network in trouble has them. Each path has a turn
 * of its own: with one turn for all, a call whose pauses fit the rhythm of the worker's polls meets fault after fault,
 * and a client gives up after six.
 */
const TROUBLE: (Fault | undefined)[] = [
  { kind: "answer", status: 503, headers: { "Retry-After": "0.1" } },
  undefined,
  { kind: "cut_after" },
  undefined,
  undefined,
  { kind: "slow", delayMs: 300 },
  { kind: "cut_before" },
  undefined,
  undefined,
  undefined,
];

for (const version of [NEWEST, OLDEST] as const)
  describeFleet(version, `Prefect ${version} in trouble`, (scene) => {
    beforeAll(async () => {
      await scene.fleet.client.limits.create({ name: "gpu:gpu-1", limit: 1 });
    });

    test("a worker and its runs get through 503s, lost answers and slow ones, and no run runs twice", async () => {
      const { fleet, prefect } = scene;
      const worker = fleet.worker(prefect, "gpu-1");
      const turns = new Map<string, number>();
      prefect.proxy.fault = ({ method, path }) => {
        // A client's first call is repeated by no old client, and sockets are cut by the kill below.
        if (method === "WS" || path.endsWith("/csrf-token")) return undefined;
        // Most paths are called only a few times: each begins at another place.
        const turn = turns.get(path) ?? turns.size;
        turns.set(path, turn + 1);
        const fault = TROUBLE[turn % TROUBLE.length];
        // The first call of a client is a GET where it asks for no token before, and the old one repeats only later ones.
        if (version === OLDEST && method === "GET" && fault?.kind.startsWith("cut") === true)
          return undefined;
        // These clients ask anew after a lost grant, and nothing tells that from a second holder: the slot that was
        // granted in vain is free when its lease ends.
        return fault?.kind === "cut_after" && path.endsWith("/increment-with-lease")
          ? { kind: "cut_before" }
          : fault;
      };
      const runs = await Promise.all([0, 1, 2].map((image_id) => fleet.run("process-image", { image_id })));
      for (const { id } of runs) {
        const { run_count } = await fleet.reaches(id, "Completed");
        expect(run_count).toBe(1);
        expect(fleet.notes(id).map(({ event }) => event)).toEqual(["wants", "holds", "frees"]);
      }
      prefect.proxy.fault = () => undefined;
      const { active_slots } = await fleet.client.limits.read("gpu:gpu-1");
      expect(active_slots).toBe(0);
      worker.signal("SIGTERM");
      expect((await worker.ended).exitCode).toBe(0);
    });

    test("a worker and its run survive kill -9 and restart of the server amid work", async () => {
      const { fleet, prefect, server } = scene;
      const worker = fleet.worker(prefect, "gpu-1");
      const early = await fleet.run("sleeping", { seconds: 6 });
      await fleet.noted(early.id, "sleeps");
      const { keepers, workerds } = await findServerProcesses(server.dataDir);
      for (const pid of [server.pid, ...keepers, ...workerds]) process.kill(pid, "SIGKILL");
      await waitForNoProcesses(server.dataDir);
      await server.restart();
      const late = await fleet.run("greeting");
      await fleet.reaches(early.id, "Completed");
      await fleet.reaches(late.id, "Completed");
      expect(fleet.notes(early.id).map(({ event }) => event)).toEqual(["sleeps", "woke"]);
      worker.signal("SIGTERM");
      expect((await worker.ended).exitCode).toBe(0);
    });
  });
