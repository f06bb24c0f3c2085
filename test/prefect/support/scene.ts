/** What the tests of one version of Prefect play on: a server of their own, that version's clients, and a fleet. */
import { afterAll, beforeAll, describe, inject } from "vitest";
import { startTestServer, type TestServer } from "../../support/server.ts";
import type { PrefectVersion } from "../versions.ts";
import { startFleet, type Fleet } from "./fleet.ts";
import { startPrefect, type Prefect } from "./prefect.ts";

/** To be read within tests: it is filled before the first one. */
export interface Scene {
  server: TestServer;
  prefect: Prefect;
}
export interface FleetScene extends Scene {
  fleet: Fleet;
}

/** Declares tests of one version; without its interpreter they are skipped, as the set-up has said. */
export function describePrefect(
  version: PrefectVersion,
  title: string,
  declare: (scene: Scene) => void,
): void {
  const python = inject("pythons")[version] ?? "";
  describe.skipIf(python === "")(title, () => {
    const scene: Partial<Scene> = {};
    beforeAll(async () => {
      scene.server = await startTestServer();
      scene.prefect = await startPrefect(version, python, scene.server.url);
    });
    afterAll(async () => {
      await scene.prefect?.[Symbol.asyncDispose]();
      await scene.server?.stop();
    });
    declare(scene as Scene);
  });
}

/** The same with a fleet. */
export function describeFleet(
  version: PrefectVersion,
  title: string,
  declare: (scene: FleetScene) => void,
): void {
  describePrefect(version, title, (scene) => {
    const withFleet: Scene & Partial<FleetScene> = scene;
    beforeAll(async () => {
      withFleet.fleet = await startFleet(scene.prefect, scene.server.url);
    });
    afterAll(() => withFleet.fleet?.[Symbol.asyncDispose]());
    declare(withFleet as FleetScene);
  });
}
