/**
 * Makes the package that is published: `npm run build`, then `npm publish dist`. The sources' tree is kept, as
 * JavaScript with types; the Worker becomes one file. `--out DIR` builds elsewhere.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { buildUi, writeUi } from "../src/server/ui-bundle.ts";
import { buildWorker } from "../src/server/worker-bundle.ts";

interface Manifest {
  dependencies: Record<string, string>;
  [field: string]: unknown;
}

const root = new URL("../", import.meta.url);
const pathOf = (name: string) => fileURLToPath(new URL(name, root));
const { values } = parseArgs({ options: { out: { type: "string" } } });
const out = resolve(values.out ?? pathOf("dist"));

rmSync(out, { recursive: true, force: true });
execFileSync(
  pathOf("node_modules/.bin/tsc"),
  ["-p", pathOf("scripts/tsconfig.build.json"), "--outDir", out],
  {
    stdio: "inherit",
  },
);

const worker = await buildWorker(root);
writeFileSync(join(out, "src/worker.js"), worker.script);
writeFileSync(join(out, "src/worker.json"), `${JSON.stringify(worker.manifest, null, 2)}\n`);

writeUi(await buildUi(root), join(out, "src/ui"));

mkdirSync(join(out, "bin"));
copyFileSync(pathOf("bin/sluice.js"), join(out, "bin/sluice.js"));
chmodSync(join(out, "bin/sluice.js"), 0o755);
for (const name of ["README.md", "LICENSE"]) {
  if (existsSync(pathOf(name))) copyFileSync(pathOf(name), join(out, name));
}

const { name, version, description, license, type, bin, dependencies } = JSON.parse(
  readFileSync(pathOf("package.json"), "utf8"),
) as Manifest;
const used = new Set([...(await findPackages()), ...findTypePackages(), "workerd"]);
const manifest = {
  name,
  version,
  description,
  license,
  type,
  bin,
  exports: { "./client": { types: "./src/client/index.d.ts", default: "./src/client/index.js" } },
  // A checkout brings its own Node, so only the package asks for one; the sentence in bin/sluice.js says the same.
  engines: { node: ">=22.19.0" },
  dependencies: Object.fromEntries(Object.entries(dependencies).filter(([name]) => used.has(name))),
};
writeFileSync(join(out, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);

/** The packages that the built code really imports; what only the Worker needs is inside its file. */
async function findPackages(): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: out,
    entryPoints: ["src/cli/main.js", "src/client/index.js"],
    outdir: "unwritten",
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    packages: "external",
  });
  return Object.values(metafile.inputs)
    .flatMap(({ imports }) => imports)
    .filter(({ external }) => external)
    .map(({ path }) => path.split("/", path.startsWith("@") ? 2 : 1).join("/"));
}

/** The packages whose types are part of ours: without them `sluice/client` would be typed `any`. */
function findTypePackages(): string[] {
  return ["src/client", "src/contract"]
    .flatMap((folder) =>
      readdirSync(join(out, folder), { recursive: true, encoding: "utf8" }).map((file) =>
        join(out, folder, file),
      ),
    )
    .filter((file) => file.endsWith(".d.ts"))
    .flatMap((file) => [...readFileSync(file, "utf8").matchAll(/from "([^."][^"]*)"/g)])
    .flatMap(([, name]) => (name === undefined ? [] : [name]));
}
