/** Before the checks: Prefect's environments, or one loud line that says what was not checked. */
import type { TestProject } from "vitest/node";
import { installPrefect, REQUIREMENTS, Unavailable, type PrefectVersion } from "./versions.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Interpreters by version of Prefect; empty where none can be had. */
    pythons: Partial<Record<PrefectVersion, string>>;
  }
}

export async function setup(project: TestProject): Promise<void> {
  const pythons: Partial<Record<PrefectVersion, string>> = {};
  const versions = Object.keys(REQUIREMENTS) as PrefectVersion[];
  try {
    for (const version of versions) pythons[version] = await installPrefect(version);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    const left = versions.filter((version) => pythons[version] === undefined);
    console.warn(
      `\n!!! NOT CHECKED: Prefect's own clients, version ${left.join(" and ")} (command line, flows, workers, faults), because ${error.message}.\n`,
    );
  }
  project.provide("pythons", pythons);
}
