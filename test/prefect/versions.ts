/** The Prefect versions that are checked, each in a virtual environment that is built once and kept in the user's cache. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The newest stable release, and an old one whose `concurrency()` takes leases already. */
export const NEWEST = "3.9.1";
export const OLDEST = "3.4.18";

/** What pip is asked for; the old one imports `importlib_metadata` without asking for it. */
export const REQUIREMENTS = {
  [NEWEST]: ["prefect==3.9.1"],
  [OLDEST]: ["prefect==3.4.18", "importlib_metadata==10.2.0"],
} as const;

export type PrefectVersion = keyof typeof REQUIREMENTS;

/** Both versions run on 3.10 to 3.13. */
const PYTHONS = ["python3.12", "python3.11", "python3.13", "python3.10", "python3", "python"];
const OFFLINE =
  /NewConnectionError|ConnectTimeout|ReadTimeout|Max retries|name resolution|Name or service|dns error|Network is unreachable|Connection refused|error sending request|ProxyError|from versions: none/iu;
const INSTALL_MS_MAX = 10 * 60_000;

/** Why the checks cannot run on this machine; everything else that goes wrong is an error. */
export class Unavailable extends Error {}

/** The interpreter of an environment with that version; builds it unless it is there. Throws `Unavailable`. */
export async function installPrefect(version: PrefectVersion): Promise<string> {
  const requirements = REQUIREMENTS[version];
  const uv = await isThere("uv");
  const base = uv ? "uv" : await findPython();
  const key = createHash("sha256")
    .update(JSON.stringify([base, requirements]))
    .digest("hex")
    .slice(0, 12);
  const folder = join(cacheFolder(), `prefect-${version}-${key}`);
  const python = join(folder, "bin", "python");
  const complete = join(folder, "complete");
  if (existsSync(complete)) return python;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(cacheFolder(), { recursive: true });
  console.warn(`Installing Prefect ${version} into ${folder}`);
  try {
    if (uv) {
      await run("uv", ["venv", "--python", ">=3.10,<3.14", folder], { timeout: INSTALL_MS_MAX });
      await run("uv", ["pip", "install", "--python", python, ...requirements], { timeout: INSTALL_MS_MAX });
    } else {
      await run(base, ["-m", "venv", folder], { timeout: INSTALL_MS_MAX });
      await run(python, ["-m", "pip", "install", "--quiet", ...requirements], { timeout: INSTALL_MS_MAX });
    }
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    if (OFFLINE.test(stdout + stderr)) throw new Unavailable("PyPI is not reachable");
    throw new Error(`Prefect ${version} could not be installed:\n${stdout}${stderr}`, { cause: error });
  }
  writeFileSync(complete, `${requirements.join("\n")}\n`);
  return python;
}

function cacheFolder(): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "sluice", "prefect-checks");
}

async function findPython(): Promise<string> {
  const look = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])";
  for (const name of PYTHONS) {
    try {
      const { stdout } = await run(name, ["-c", look]);
      if (/^3\.1[0-3]$/u.test(stdout.trim())) return name;
    } catch {
      // Not here, or without `venv`.
    }
  }
  throw new Unavailable("neither uv nor a Python from 3.10 to 3.13 with venv is installed");
}

async function isThere(program: string): Promise<boolean> {
  try {
    await run(program, ["--version"]);
    return true;
  } catch {
    return false;
  }
}
