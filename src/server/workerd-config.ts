/** What workerd is told: one Worker, one socket, one folder. */
import type { WorkerManifest } from "./worker-bundle.ts";

/** Bindings that reach the Worker through the environment, so that no secret lies in a file and each start differs. */
const ENVIRONMENT = [
  "SLUICE_OPEN",
  "SLUICE_ALLOWED_HOSTS",
  "SLUICE_STARTED_AT",
  "SLUICE_CLOCK_STEPPED_AT",
  "SLUICE_RETENTION_DAYS",
  "SLUICE_MOVE_AFTER_SECONDS",
  "SLUICE_SECRETS_KEY",
  "SLUICE_SECRETS_OLD_KEYS",
];

/**
 * The key under which a class's objects lie on the disk. It is derived from the class's name and must stay as it is
 * for ever: another key is another, empty world.
 */
function uniqueKeyOf(className: string): string {
  return `sluice-${className}`;
}

/** Writes the configuration in Cap'n Proto's text form; script and data folder are given by relative name and flag. */
export function formatWorkerdConfig(manifest: WorkerManifest, hasKey: boolean): string {
  const names = [...ENVIRONMENT, ...(hasKey ? ["SLUICE_API_KEY"] : [])];
  const bindings = [
    ...manifest.objects.map(
      ({ name, class_name }) => `(name = ${quote(name)}, durableObjectNamespace = ${quote(class_name)})`,
    ),
    '(name = "ASSETS", service = "ui")',
    ...names.map((name) => `(name = ${quote(name)}, fromEnvironment = ${quote(name)})`),
  ];
  const namespaces = manifest.objects.map(
    ({ class_name }) =>
      `(className = ${quote(class_name)}, uniqueKey = ${quote(uniqueKeyOf(class_name))}, enableSql = true)`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "objects", disk = (writable = true)),
    (name = "ui", disk = (writable = false)),
  ],
  sockets = [(name = "http", http = (), service = "main")],
);

const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = ${quote(manifest.compatibility_date)},
  compatibilityFlags = [${manifest.compatibility_flags.map(quote).join(", ")}],
  bindings = [
    ${bindings.join(",\n    ")},
  ],
  durableObjectNamespaces = [
    ${namespaces.join(",\n    ")},
  ],
  durableObjectStorage = (localDisk = "objects"),
);
`;
}

/** All texts here are names and dates from wrangler.toml, for which JSON's quoting is Cap'n Proto's. */
function quote(text: string): string {
  return JSON.stringify(text);
}
