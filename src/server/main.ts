/** Runs the server by itself: `node src/server/main.ts --port 0 --data-dir DIR`. */
import { parseArgs } from "node:util";
import { runServer } from "./run.ts";

const { values } = parseArgs({
  options: {
    host: { type: "string" },
    port: { type: "string" },
    "data-dir": { type: "string" },
    "allowed-host": { type: "string", multiple: true },
  },
});
const apiKey = process.env["SLUICE_API_KEY"];
process.exitCode = await runServer({
  ...(values.host !== undefined && { host: values.host }),
  ...(values.port !== undefined && { port: Number(values.port) }),
  ...(values["data-dir"] !== undefined && { dataDir: values["data-dir"] }),
  ...(values["allowed-host"] !== undefined && { allowedHosts: values["allowed-host"] }),
  ...(apiKey !== undefined && { apiKey }),
});
