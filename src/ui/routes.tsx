/**
 * The pages and their paths, which are those of both of Prefect's dashboards and those that its command line and SDK
 * print, so that any link to them opens the same thing here (source: `UI_URL_FORMATS` in `prefect/utilities/urls.py` and
 * the route tables of `ui` and `ui-v2`, 3.8.8). All but the first page are loaded when they are gone to.
 */
import { ErrorBoundary, lazy, Route, Router, useLocation } from "preact-iso";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Home } from "./pages/home.tsx";
import { Missing } from "./parts/missing.tsx";

const Runs = lazy(() => import("./pages/runs.tsx").then((page) => page.Runs));
const Run = lazy(() => import("./pages/run.tsx").then((page) => page.Run));
const TaskRun = lazy(() => import("./pages/task-run.tsx").then((page) => page.TaskRun));
const Deployments = lazy(() => import("./pages/deployments.tsx").then((page) => page.Deployments));
const Deployment = lazy(() => import("./pages/deployment.tsx").then((page) => page.Deployment));
const RunDeployment = lazy(() => import("./pages/run-deployment.tsx").then((page) => page.RunDeployment));
const Flows = lazy(() => import("./pages/flows.tsx").then((page) => page.Flows));
const Flow = lazy(() => import("./pages/flow.tsx").then((page) => page.Flow));
const Pools = lazy(() => import("./pages/pools.tsx").then((page) => page.Pools));
const Pool = lazy(() => import("./pages/pool.tsx").then((page) => page.Pool));
const Queue = lazy(() => import("./pages/queue.tsx").then((page) => page.Queue));
const Worker = lazy(() => import("./pages/worker.tsx").then((page) => page.Worker));
const Limit = lazy(() => import("./pages/limit.tsx").then((page) => page.Limit));
const Artifacts = lazy(() => import("./pages/artifacts.tsx").then((page) => page.Artifacts));
const Artifact = lazy(() => import("./pages/artifact.tsx").then((page) => page.Artifact));
const ArtifactKey = lazy(() => import("./pages/artifact-key.tsx").then((page) => page.ArtifactKey));
const Events = lazy(() => import("./pages/events.tsx").then((page) => page.Events));
const Event = lazy(() => import("./pages/event.tsx").then((page) => page.Event));
const Variables = lazy(() => import("./pages/variables.tsx").then((page) => page.Variables));
const Blocks = lazy(() => import("./pages/blocks.tsx").then((page) => page.Blocks));
const Block = lazy(() => import("./pages/block.tsx").then((page) => page.Block));
const BlockTypes = lazy(() => import("./pages/block-types.tsx").then((page) => page.BlockTypes));
const BlockType = lazy(() => import("./pages/block-types.tsx").then((page) => page.BlockTypePage));
const Audit = lazy(() => import("./pages/audit.tsx").then((page) => page.Audit));
const Settings = lazy(() => import("./pages/settings.tsx").then((page) => page.Settings));
const Instead = lazy(() => import("./pages/instead.tsx").then((page) => page.Instead));

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
