/** The GPUs of this host, as `nvidia-smi` names them. */
import { execFile } from "node:child_process";
import type { Gpu } from "../src/contract/wire/agents.ts";

const ANSWER_MS = 10_000;

/** Lists the GPUs; none where the tool is missing, fails or hangs. */
export function detectGpus(env: NodeJS.ProcessEnv): Promise<Gpu[]> {
  return new Promise((resolve) => {
    execFile(
      "nvidia-smi",
      ["--query-gpu=uuid,name,memory.total", "--format=csv,noheader,nounits"],
      { env, timeout: ANSWER_MS, killSignal: "SIGKILL" },
      (error, output) => resolve(error === null ? parseGpus(output) : []),
    );
  });
}

/** Reads the tool's lines: `GPU-5f3c…, NVIDIA H100 80GB HBM3, 81559`. Lines of any other form are left out. */
export function parseGpus(output: string): Gpu[] {
  return output.split("\n").flatMap((line) => {
    const [id, name, memory] = line.split(",").map((part) => part.trim());
    const memory_mib = Number(memory);
    return id && name && Number.isInteger(memory_mib) ? [{ id, name, memory_mib }] : [];
  });
}
