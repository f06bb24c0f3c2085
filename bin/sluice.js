#!/usr/bin/env node
// Plain JavaScript on purpose: an old Node must be able to parse it and say what is wrong in one sentence.
import { existsSync } from "node:fs";
import module from "node:module";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `sluice needs Node 22.19 or newer, but this is Node ${process.versions.node}; install a newer one and run it again.\n`,
  );
  process.exit(1);
}
module.enableCompileCache?.();
const built = new URL("../src/cli/main.js", import.meta.url);
const source = new URL("../src/cli/main.ts", import.meta.url);
await import(existsSync(source) ? source.href : built.href);
