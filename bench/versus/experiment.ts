/** What every experiment is: played on one scene, it says some figures, each with what it means and which way is better. */
import type { Scene } from "./scene.ts";

export interface Figure {
  name: string;
  unit: "s" | "ms" | "x" | "/s" | "" | "MB";
  /** Null where the experiment ended without one: `said` tells why. */
  value: number | null;
  said?: string;
  /** The one figure of its experiment that stands for it in a picture. */
  isHeadline?: true;
}

export interface Plan {
  holders: number;
  waiters: number;
  blockedRuns: number;
  pipelineRuns: number;
  starts: number;
  loadSeconds: number;
  claimedRuns: number;
  idleSeconds: number;
}

export interface Experiment {
  /** The letter by which it is asked for. */
  key: string;
  title: string;
  /** What is done, in a sentence for the report. */
  method: string;
  run(scene: Scene, plan: Plan): Promise<Figure[]>;
}

/** A condition that is waited for; null when it did not come in time. */
export async function until<Found>(
  look: () => Promise<Found | undefined> | Found | undefined,
  seconds: number,
): Promise<Found | null> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) return null;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
