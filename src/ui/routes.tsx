/**
 * The pages and their paths, which are those of both of Prefect's dashboards and those that its command line and SDK
 * print, so that any link to them opens the same thing here (source: `UI_URL_FORMATS` in `prefect/utilities/urls.py` and
 * the route tables of `ui` and `ui-v2`, 3.8.8). All but the first page are loaded when they are gone to.
 */
import { ErrorBoundary, lazy, Route, Router, useLocation } from "preact-iso";
import type { ComponentChildren, ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { Home } from "./pages/home.tsx";
import { Missing } from "./parts/missing.tsx";
import { Unloaded } from "./parts/unloaded.tsx";

const page = (load: () => Promise<ComponentType>) => lazy(() => load().catch(() => Unloaded));

const Runs = page(() => import("./pages/runs.tsx").then((module) => module.Runs));
const Run = page(() => import("./pages/run.tsx").then((module) => module.Run));
const TaskRun = page(() => import("./pages/task-run.tsx").then((module) => module.TaskRun));
const Deployments = page(() => import("./pages/deployments.tsx").then((module) => module.Deployments));
const Deployment = page(() => import("./pages/deployment.tsx").then((module) => module.Deployment));
const RunDeployment = page(() => import("./pages/run-deployment.tsx").then((module) => module.RunDeployment));
const Flows = page(() => import("./pages/flows.tsx").then((module) => module.Flows));
const Flow = page(() => import("./pages/flow.tsx").then((module) => module.Flow));
const Pools = page(() => import("./pages/pools.tsx").then((module) => module.Pools));
const Pool = page(() => import("./pages/pool.tsx").then((module) => module.Pool));
const Queue = page(() => import("./pages/queue.tsx").then((module) => module.Queue));
const Worker = page(() => import("./pages/worker.tsx").then((module) => module.Worker));
const Limit = page(() => import("./pages/limit.tsx").then((module) => module.Limit));
const Artifacts = page(() => import("./pages/artifacts.tsx").then((module) => module.Artifacts));
const Artifact = page(() => import("./pages/artifact.tsx").then((module) => module.Artifact));
const ArtifactKey = page(() => import("./pages/artifact-key.tsx").then((module) => module.ArtifactKey));
const Events = page(() => import("./pages/events.tsx").then((module) => module.Events));
const Event = page(() => import("./pages/event.tsx").then((module) => module.Event));
const Variables = page(() => import("./pages/variables.tsx").then((module) => module.Variables));
const Blocks = page(() => import("./pages/blocks.tsx").then((module) => module.Blocks));
const Block = page(() => import("./pages/block.tsx").then((module) => module.Block));
const BlockTypes = page(() => import("./pages/block-types.tsx").then((module) => module.BlockTypes));
const BlockType = page(() => import("./pages/block-types.tsx").then((module) => module.BlockTypePage));
const Audit = page(() => import("./pages/audit.tsx").then((module) => module.Audit));
const Settings = page(() => import("./pages/settings.tsx").then((module) => module.Settings));
const Instead = page(() => import("./pages/instead.tsx").then((module) => module.Instead));

/** The first path that fits counts; the first path of each page is the one that links here use. */
const PAGES = [
  [
    Instead,
    "/automations/:rest*",
    "/notifications/:rest*",
    "/collections/:rest*",
    "/blocks/catalog/:slug/create",
    "/blocks/block/:id/edit",
    "/deployments/deployment/:id/edit",
    "/deployments/deployment/:id/duplicate",
    "/work-pools/create",
    "/work-pools/work-pool/:name/edit",
    "/work-pools/work-pool/:pool/queue/create",
    "/work-pools/work-pool/:pool/queue/:name/edit",
  ],
  [Home, "/", "/dashboard", "/login", "/limits", "/concurrency-limits", "/concurrency-limits-v2"],
  [Runs, "/runs", "/flow-runs", "/task-runs"],
  [Run, "/runs/flow-run/:id", "/flow-runs/flow-run/:id"],
  [TaskRun, "/runs/task-run/:id", "/flow-runs/task-run/:id", "/task-runs/task-run/:id"],
  [Deployments, "/deployments"],
  [Deployment, "/deployments/deployment/:id"],
  [RunDeployment, "/deployments/deployment/:id/run"],
  [Flows, "/flows"],
  [Flow, "/flows/flow/:id"],
  [Pools, "/work-pools", "/work-queues"],
  [Pool, "/work-pools/work-pool/:name"],
  [Queue, "/work-pools/work-pool/:pool/queue/:name", "/work-queues/work-queue/:id"],
  [Worker, "/work-pools/work-pool/:pool/worker/:id"],
  [
    Limit,
    "/limits/:name",
    "/concurrency-limits/concurrency-limit/:name",
    "/concurrency-limits-v2/concurrency-limit-v2/:name",
  ],
  [Artifacts, "/artifacts"],
  [Artifact, "/artifacts/artifact/:id"],
  [ArtifactKey, "/artifacts/key/:key"],
  [Events, "/events"],
  [Event, "/events/event/:date/:id"],
  [Variables, "/variables", "/variables/variable/:name"],
  [Blocks, "/blocks"],
  [Block, "/blocks/block/:id"],
  [BlockTypes, "/blocks/catalog"],
  [BlockType, "/blocks/catalog/:slug"],
  [Audit, "/audit"],
  [Settings, "/settings"],
] as const;

export function Pages(): ComponentChildren {
  const { path } = useLocation();
  if (!isReadable(path)) return <Missing />;
  return (
    <ErrorBoundary>
      <Router>
        {PAGES.flatMap(([component, ...paths]) =>
          paths.map((path) => <Route key={path} path={path} component={component} />),
        )}
        <Route path="/v2/:rest*" component={WithoutVersion} />
        <Route default component={Missing} />
      </Router>
    </ErrorBoundary>
  );
}

/** The router fails at an address that encodes no text, such as `/limits/%`. */
function isReadable(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}

/** Prefect's second dashboard lies below `/v2` where its first one is served, too. */
function WithoutVersion() {
  const { url, route } = useLocation();
  useEffect(() => route(url.replace(/^\/v2(?=\/|\?|$)/, "") || "/", true), [url]);
  return null;
}
