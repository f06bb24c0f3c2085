/** Which deployments of a file are meant. */
import { CommandError, UsageError } from "../framework/errors.ts";
import { findNearest } from "../framework/suggest.ts";
import { nameFlow } from "./plan.ts";
import type { DeploymentEntry } from "./project-file.ts";

/** Chooses by `NAME`, `FLOW/NAME` and patterns with `*`; all of them with `isAll`; the only one when nothing is said. */
export async function selectDeployments(
  entries: readonly DeploymentEntry[],
  names: readonly string[],
  isAll: boolean,
  { fileName, folder }: { fileName: string; folder: string },
): Promise<DeploymentEntry[]> {
  if (isAll && names.length > 0) throw new UsageError("--all and --name exclude each other.");
  if (isAll) return [...entries];
  const labels = entries.map(({ name }) => name);
  if (names.length === 0) {
    if (entries.length === 1) return [...entries];
    throw new UsageError(
      `${fileName} has ${entries.length} deployments (${labels.join(", ")}); name one with --name, or say --all.`,
    );
  }
  const chosen = new Set<DeploymentEntry>();
  for (const pattern of names) {
    const matching: DeploymentEntry[] = [];
    for (const entry of entries) if (await isMatch(pattern, entry, folder)) matching.push(entry);
    if (matching.length === 0) {
      const nearest = findNearest(pattern, labels);
      throw new CommandError(
        nearest === undefined
          ? `${fileName} has no deployment ${pattern}; it has ${labels.join(", ")}.`
          : `${fileName} has no deployment ${pattern}; did you mean ${nearest}?`,
      );
    }
    for (const entry of matching) chosen.add(entry);
  }
  return entries.filter((entry) => chosen.has(entry));
}

async function isMatch(pattern: string, entry: DeploymentEntry, folder: string): Promise<boolean> {
  const slash = pattern.indexOf("/");
  if (slash === -1) return isLike(pattern, entry.name);
  return (
    isLike(pattern.slice(slash + 1), entry.name) &&
    isLike(pattern.slice(0, slash), await nameFlow(entry, folder))
  );
}

function isLike(pattern: string, text: string): boolean {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`).test(text);
}
