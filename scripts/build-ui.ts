/** Makes the dashboard's files in `build/ui`, where wrangler looks for them. */
import { fileURLToPath } from "node:url";
import { buildUi, writeUi } from "../src/server/ui-bundle.ts";

const root = new URL("../", import.meta.url);
writeUi(await buildUi(root), fileURLToPath(new URL("build/ui/", root)));
