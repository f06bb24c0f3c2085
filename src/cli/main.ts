/** The entry of the command line; `bin/sluice.js` loads it. */
import { EXIT } from "./framework/errors.ts";
import { runCli } from "./framework/program.ts";
import { tree } from "./tree.ts";

// Who reads only the first lines (`sluice gcl ls | head -1`) wants no more of them, and no complaint.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.done);
  process.stderr.write(`The result cannot be written (${error.message}).\n`);
  process.exit(EXIT.failed);
});
// What is said to people is no result: a command, a worker above all, goes on where nobody hears it.
process.stderr.on("error", () => undefined);

process.exitCode = await runCli(process.argv.slice(2), tree, {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  now: Date.now,
});
