/**
 * The code that objects run: today's, and beside it, while a deploy is under way, that of the release before, which is
 * read from the repository's history. So old code meets the rows, the schema and the words of today's, and the reverse.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { HubActor } from "../../src/objects/hub/actor.ts";
import { JournalActor } from "../../src/objects/journal/actor.ts";
import { LimitActor } from "../../src/objects/limit/actor.ts";
import { PoolActor } from "../../src/objects/pool/actor.ts";
import { WorkspaceActor } from "../../src/objects/workspace/actor.ts";

/** Moves on with each release. What is not deployed anywhere any more needs no company. */
const RELEASE_BEFORE = "3a4f95f03c5ef91a7195538f575712241057e5b3";

export interface Code {
  readonly LimitActor: typeof LimitActor;
  readonly PoolActor: typeof PoolActor;
  readonly WorkspaceActor: typeof WorkspaceActor;
  readonly JournalActor: typeof JournalActor;
  readonly HubActor: typeof HubActor;
}

export const TODAY: Code = { LimitActor, PoolActor, WorkspaceActor, JournalActor, HubActor };

const root = fileURLToPath(new URL("../../", import.meta.url));
let before: Promise<Code | undefined> | undefined;

/** Undefined where the clone has no history that goes so far back. */
export function loadReleaseBefore(): Promise<Code | undefined> {
  return (before ??= load());
}

async function load(): Promise<Code | undefined> {
  const folder = join(root, "build", `release-${RELEASE_BEFORE.slice(0, 12)}`);
  if (!existsSync(folder) && !unpack(folder)) return undefined;
  const read = async (object: string): Promise<Partial<Code>> =>
    (await import(pathToFileURL(join(folder, "src/objects", object, "actor.ts")).href)) as Partial<Code>;
  const modules = await Promise.all(["limit", "pool", "workspace", "journal", "hub"].map(read));
  return Object.assign({}, ...modules) as Code;
}

/** Puts the sources where their imports find the packages of this clone. */
function unpack(folder: string): boolean {
  mkdirSync(join(root, "build"), { recursive: true });
  const fresh = mkdtempSync(`${folder}-`);
  try {
    const archive = execFileSync(
      "git",
      ["archive", "--format=tar", RELEASE_BEFORE, "src", "tsconfig.base.json"],
      {
        cwd: root,
        maxBuffer: 2 ** 28,
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    execFileSync("tar", ["-x", "-C", fresh], { input: archive });
    renameSync(fresh, folder);
  } catch {
    // Another process may have been faster.
    rmSync(fresh, { recursive: true, force: true });
  }
  return existsSync(folder);
}
