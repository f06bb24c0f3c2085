/** The entry of the command line; `bin/sluice.js` loads it. */
import { runCli } from "./framework/program.ts";
import { tree } from "./tree.ts";

// Who reads only the first lines (`sluice gcl ls | head -1`) wants no more of them, and no complaint.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await runCli(process.argv.slice(2), tree, {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  now: Date.now,
});
