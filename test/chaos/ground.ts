/** Where a world lives. All that is started for it names the folder in its command line, by which it is found and ended. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listProcesses } from "../../src/server/leftovers.ts";
import { signalProcess } from "../../src/server/signal-process.ts";
import { becomes } from "./world.ts";

const DISK_BYTES = "96m";
/** Longer than the kernel takes to bury whom it has killed. */
const GONE_WITHIN_SECONDS = 10;
const LOOK_MS = 20;

export interface Ground {
  readonly folder: string;
  /** Lies in the folder. Whose words are needed for a verdict writes beside it: it may be full. */
  readonly disk: string;
  /** Whether the disk is a small one of its own, which can be filled. */
  readonly isOwnDisk: boolean;
  /**
   * Ends all that was started here, also what is stopped, and lets go of the disk and the folder, unless they are kept.
   * When it resolves, nothing was awaited since all was at an end. Throws where something does not end.
   */
  clear(isKept: boolean): Promise<void>;
}

/** Makes a folder with a small disk, where that can be had: as root on Linux. */
export function layGround(): Ground {
  const folder = mkdtempSync(join(tmpdir(), "sluice-chaos-"));
  const disk = join(folder, "disk");
  mkdirSync(disk);
  const mount = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", disk]);
  const isOwnDisk = mount.status === 0;
  return {
    folder,
    disk,
    isOwnDisk,
    clear: async (isKept) => {
      let left: number[] = [];
      const areGone = async () => {
        const ours = (await listProcesses()).filter(({ line }) => line.includes(folder));
        left = ours.map(({ pid }) => pid).filter((pid) => pid !== process.pid);
        for (const pid of left) signalProcess(pid, "SIGKILL");
        return left.length === 0;
      };
      await becomes(areGone, GONE_WITHIN_SECONDS, LOOK_MS);
      if (!isKept) {
        if (isOwnDisk) spawnSync("umount", ["--lazy", disk]);
        rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
      }
      if (left.length > 0) throw new Error(`These processes do not end: ${left.join(", ")}.`);
    },
  };
}
