/** The server as a foreground process: one ready line on stdout, everything else on stderr, signals to the end. */
import { ServerError } from "./errors.ts";
import { startServer, type RunningServer } from "./index.ts";
import type { ServerOptions } from "./options.ts";

const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Serves until it is told to stop or cannot go on; returns the process's exit code. */
export async function runServer(options: ServerOptions): Promise<number> {
  let server: RunningServer;
  try {
    server = await startServer({ onOutput: (chunk) => process.stderr.write(chunk), ...options });
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
  const stop = () => void server.stop();
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  process.stdout.write(`Sluice is ready at ${server.url} (data in ${server.dataDir}; Ctrl-C stops it).\n`);
  const reason = await server.ended;
  for (const signal of STOP_SIGNALS) process.off(signal, stop);
  if (reason === undefined) return 0;
  process.stderr.write(`${reason.message}\n`);
  return 1;
}
