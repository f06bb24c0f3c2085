/** The Worker as workerd loads it: made from the sources in a development checkout, read from beside in the package. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ServerError } from "./errors.ts";

/** Everything that workerd has to know about the Worker, from wrangler.toml, so that edge and machine run the same. */
export interface WorkerManifest {
  compatibility_date: string;
  compatibility_flags: string[];
  /** Which binding names which class of objects. */
  objects: { name: string; class_name: string }[];
}

export interface WorkerBundle {
  script: Uint8Array;
  manifest: WorkerManifest;
}

// In the package, all code lies one folder below these two.
const BUILT_SCRIPT = new URL("../worker.js", import.meta.url);
const BUILT_MANIFEST = new URL("../worker.json", import.meta.url);

/** Reads the built Worker, or builds it when this runs from the sources. */
export async function loadWorker(): Promise<WorkerBundle> {
  if (existsSync(BUILT_SCRIPT)) {
    return {
      script: readFileSync(BUILT_SCRIPT),
      manifest: JSON.parse(readFileSync(BUILT_MANIFEST, "utf8")) as WorkerManifest,
    };
  }
  return buildWorker(new URL("../../", import.meta.url));
}

/** Bundles the Worker from the sources below `root`, with the conditions that wrangler uses. */
export async function buildWorker(root: URL): Promise<WorkerBundle> {
  const [{ build }, { parse }] = await loadTools();
  const config = parse(readFileSync(new URL("wrangler.toml", root), "utf8")) as unknown as {
    main: string;
    compatibility_date: string;
    compatibility_flags: string[];
    durable_objects: { bindings: { name: string; class_name: string }[] };
  };
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(root),
    entryPoints: [config.main],
    bundle: true,
    write: false,
    outfile: "worker.js",
    format: "esm",
    platform: "neutral",
    mainFields: ["browser", "module", "main"],
    conditions: ["workerd", "worker", "browser"],
    target: "es2024",
    external: ["cloudflare:*", "node:*"],
    logLevel: "silent",
  });
  const [output] = outputFiles;
  if (output === undefined) throw new Error("The bundler made no output.");
  return {
    script: output.contents,
    manifest: {
      compatibility_date: config.compatibility_date,
      compatibility_flags: config.compatibility_flags,
      objects: config.durable_objects.bindings.map(({ name, class_name }) => ({ name, class_name })),
    },
  };
}

/** The package has no use for these two, so they come with a development checkout only. */
export async function loadTools() {
  try {
    return await Promise.all([import("esbuild"), import("smol-toml")]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new ServerError(
      "To run from its sources, the server needs the packages for development; install them with `npm ci`.",
    );
  }
}
