/** The dashboard as static files: made from the sources in a development checkout, read from beside in the package. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadTools } from "./worker-bundle.ts";

/** Paths below the site's root, without a slash in front, and what lies there. */
export type UiFiles = ReadonlyMap<string, Uint8Array>;

// In the package the built files lie where the sources lie in a checkout.
const FOLDER = fileURLToPath(new URL("../ui/", import.meta.url));

/** Reads the built dashboard, or builds it when this runs from the sources. */
export async function loadUi(): Promise<UiFiles> {
  if (existsSync(join(FOLDER, "main.tsx"))) return buildUi(new URL("../../", import.meta.url));
  return new Map(
    readdirSync(FOLDER, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return [path.slice(FOLDER.length), readFileSync(path)];
      }),
  );
}

/** Puts the files into a folder, in place of what was there. */
export function writeUi(files: UiFiles, folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  for (const [name, content] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

/** Bundles the dashboard from the sources below `root`; the name of each file has its content in it. */
export async function buildUi(root: URL): Promise<UiFiles> {
  const [{ build }] = await loadTools();
  const source = fileURLToPath(new URL("src/ui/", root));
  const { outputFiles, metafile } = await build({
    absWorkingDir: source,
    entryPoints: ["main.tsx"],
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    minify: true,
    outdir: "assets",
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    loader: { ".svg": "file" },
    logLevel: "silent",
  });
  const files = new Map<string, Uint8Array>(
    outputFiles.map(({ path, contents }) => [`assets/${basename(path)}`, contents]),
  );
  const entry = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === "main.tsx");
  if (entry === undefined) throw new Error("The bundler made no entry point.");
  const [script, { cssBundle = "" }] = entry;
  const page = readFileSync(join(source, "index.html"), "utf8")
    .replace("./main.tsx", `/${script}`)
    .replace("./main.css", `/${cssBundle}`);
  files.set("index.html", new TextEncoder().encode(page));
  return files;
}
