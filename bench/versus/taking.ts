/** When, where, by which command and of which versions something was measured: noted as it is measured, never later. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const VERSIONS_PROGRAM = fileURLToPath(new URL("programs/versions.py", import.meta.url));

/** By the names of what has them. */
export type Versions = Readonly<Record<string, string>>;

export interface Taking {
  /** The day, as YYYY-MM-DD. */
  measured_on: string;
  /** What was typed. */
  command: string;
  cores: number;
  versions: Versions;
}

/** A taking now. */
export function noteTaking(command: string, versions: Versions): Taking {
  return {
    measured_on: new Date().toISOString().slice(0, 10),
    command,
    cores: availableParallelism(),
    versions,
  };
}

/** What Sluice runs as, with the commit of this clone. */
export function readSluiceVersions(): Versions {
  return {
    Sluice: [readManifestVersion("package.json"), readCommit()].filter((part) => part !== "").join(" "),
    workerd: readManifestVersion("node_modules/workerd/package.json"),
    ...readNodeVersion(),
  };
}

export function readNodeVersion(): Versions {
  return { Node: process.versions.node };
}

/** What an interpreter of Python has; the database is asked itself. */
export function readPrefectVersions(python: string, databaseUrl?: string): Versions {
  const words = [VERSIONS_PROGRAM, ...(databaseUrl === undefined ? [] : [databaseUrl])];
  return JSON.parse(execFileSync(python, words, { encoding: "utf8" })) as Versions;
}

/** The version that a manifest names, by its path from the root of this clone. */
export function readManifestVersion(path: string): string {
  return (JSON.parse(readFileSync(`${ROOT}${path}`, "utf8")) as { version: string }).version;
}

/** Such as `(694fe1f)`, or `(694fe1f, changed)` where files differ from it; empty outside of a clone. */
function readCommit(): string {
  const ask = (...words: string[]) =>
    execFileSync("git", words, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const commit = ask("rev-parse", "--short", "HEAD");
    return ask("status", "--porcelain") === "" ? `(${commit})` : `(${commit}, changed)`;
  } catch {
    return "";
  }
}

/** What is known of a taking, but for its command: `2026-11-30, 2 cores, Redis 7.0.15, Node 24.21.0`. */
export function describeTaking({ measured_on, cores, versions }: Partial<Taking>): string {
  return [
    ...(measured_on === undefined ? [] : [measured_on]),
    ...(cores === undefined ? [] : [`${cores} ${cores === 1 ? "core" : "cores"}`]),
    ...describeVersions(versions),
  ].join(", ");
}

/** Each with its name; none where they were not noted. */
export function describeVersions(versions: Versions = {}): string[] {
  return Object.entries(versions).map(([name, version]) => `${name} ${version}`);
}
