/** What runs on this machine, for tests that kill and count. */
import { listProcesses } from "../../src/server/leftovers.ts";
import { waitFor } from "./wait-for.ts";

export interface ServerProcesses {
  /** The shells that hold the socket and wait for workerd. */
  keepers: number[];
  workerds: number[];
}

/** The processes below the server of a data folder, however they came to be there. */
export async function findServerProcesses(dataDir: string): Promise<ServerProcesses> {
  const ours = (await listProcesses()).filter(({ line }) => line.includes(`serve ${dataDir}/`));
  const isKeeper = ({ line }: { line: string }) => line.includes("sluice-keeper");
  return {
    keepers: ours.filter(isKeeper).map(({ pid }) => pid),
    workerds: ours.filter((process) => !isKeeper(process)).map(({ pid }) => pid),
  };
}

/** The one workerd of a data folder, once there is exactly one. */
export function findWorkerd(dataDir: string): Promise<number> {
  return waitFor(async () => {
    const { workerds } = await findServerProcesses(dataDir);
    const [pid] = workerds;
    if (pid === undefined || workerds.length !== 1) throw new Error(`${workerds.length} workerd run.`);
    return pid;
  });
}

/** Resolves when nothing of a data folder's server is left. */
export async function waitForNoProcesses(dataDir: string): Promise<void> {
  await waitFor(async () => {
    const { keepers, workerds } = await findServerProcesses(dataDir);
    const left = [...keepers, ...workerds];
    if (left.length > 0) throw new Error(`Still there: ${left.join(", ")}.`);
  });
}
