/** The entry of the command line; `bin/sluice.js` loads it. */
import { runCli } from "./framework/program.ts";
import { tree } from "./tree.ts";

process.exitCode = await runCli(process.argv.slice(2), tree, {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  now: Date.now,
});
