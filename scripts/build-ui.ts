/** Makes the dashboard's files in `build/ui`, where wrangler looks for them. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildUi } from "../src/server/ui-bundle.ts";

const root = new URL("../", import.meta.url);
const out = fileURLToPath(new URL("build/ui/", root));
rmSync(out, { recursive: true, force: true });
for (const [name, content] of await buildUi(root)) {
  mkdirSync(dirname(join(out, name)), { recursive: true });
  writeFileSync(join(out, name), content);
}
