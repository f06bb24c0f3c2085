/** The version of this package. */
import { readFileSync } from "node:fs";

/** Reads `package.json`, which lies two folders up from the sources and from the built files alike. */
export function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
