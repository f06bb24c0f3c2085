/** Where the things are that events and artifacts name: `prefect.flow-run.018f…`. */
const PAGES: Record<string, (id: string) => string> = {
  "flow-run": (id) => `/runs/flow-run/${id}`,
  "task-run": (id) => `/runs/task-run/${id}`,
  flow: (id) => `/flows/flow/${id}`,
  deployment: (id) => `/deployments/deployment/${id}`,
  "work-queue": (id) => `/work-queues/work-queue/${id}`,
  "concurrency-limit": (id) => `/concurrency-limits/concurrency-limit/${id}`,
  "block-document": (id) => `/blocks/block/${id}`,
  artifact: (id) => `/artifacts/artifact/${id}`,
};
/** These have pages by their names. */
const NAMED: Record<string, (name: string) => string> = {
  "work-pool": (name) => `/work-pools/work-pool/${name}`,
  "artifact-collection": (name) => `/artifacts/key/${name}`,
  variable: (name) => `/variables/variable/${name}`,
};

/** The page of a resource; undefined where there is none. */
export function pageOf(labels: Readonly<Record<string, string>>): string | undefined {
  const { "prefect.resource.id": resource = "", "prefect.resource.name": name } = labels;
  const [, kind = "", id = ""] = /^prefect\.([a-z-]+)\.([^.]+)$/.exec(resource) ?? [];
  return name === undefined || !(kind in NAMED) ? PAGES[kind]?.(id) : NAMED[kind]?.(encodeURIComponent(name));
}

/** What a resource is called: its name, else its id, of which only the end is unlike others. */
export function nameOf(labels: Readonly<Record<string, string>>): string {
  const { "prefect.resource.id": resource = "", "prefect.resource.name": name } = labels;
  return name ?? resource.replace(/^prefect\./, "").replace(/\.[0-9a-f-]{24}([0-9a-f]{12})$/, " …$1");
}
