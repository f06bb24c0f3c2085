/** The frame around every page: where one can go, whether what is shown is up to date, and the key. */
import { ErrorBoundary, lazy, LocationProvider, Route, Router, useLocation } from "preact-iso";
import { Boxes, Cpu, ListOrdered, Play, Rocket, ScrollText } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { Home } from "./pages/home.tsx";
import { AskKey } from "./parts/ask-key.tsx";
import { LiveBanner } from "./parts/live-banner.tsx";
import { Missing } from "./parts/missing.tsx";
import { Toasts } from "./parts/toasts.tsx";

const Runs = lazy(() => import("./pages/runs.tsx").then(({ Runs }) => Runs));
const Run = lazy(() => import("./pages/run.tsx").then(({ Run }) => Run));
const Pools = lazy(() => import("./pages/pools.tsx").then(({ Pools }) => Pools));
const Pool = lazy(() => import("./pages/pool.tsx").then(({ Pool }) => Pool));
const Deployments = lazy(() => import("./pages/deployments.tsx").then(({ Deployments }) => Deployments));
const Deployment = lazy(() => import("./pages/deployment.tsx").then(({ Deployment }) => Deployment));
const RunDeployment = lazy(() =>
  import("./pages/run-deployment.tsx").then(({ RunDeployment }) => RunDeployment),
);
const Audit = lazy(() => import("./pages/audit.tsx").then(({ Audit }) => Audit));
const Limit = lazy(() => import("./pages/limit.tsx").then(({ Limit }) => Limit));

const PLACES = [
  { href: "/", name: "Machines", icon: Cpu },
  { href: "/runs", name: "Runs", icon: Play },
  { href: "/deployments", name: "Deployments", icon: Rocket, ScrollText },
  { href: "/work-pools", name: "Pools", icon: Boxes },
  { href: "/audit", name: "Audit", icon: ScrollText },
] as const;

export function App() {
  return (
    <LocationProvider>
      <a class="skip" href="#page">
        Skip to the page
      </a>
      <header>
        <a class="brand" href="/">
          <ListOrdered aria-hidden="true" /> Sluice
        </a>
        <Places />
      </header>
      <LiveBanner />
      <main id="page" tabIndex={-1}>
        <AskKey>
          <Pages />
        </AskKey>
      </main>
      <Toasts />
    </LocationProvider>
  );
}

function Places() {
  const { path } = useLocation();
  const isIn = (href: string): boolean => (href === "/" ? path === "/" : path.startsWith(href));
  return (
    <nav aria-label="Pages">
      {PLACES.map(({ href, name, icon: Icon }) => (
        <a key={href} href={href} aria-current={isIn(href) ? "page" : undefined}>
          <Icon aria-hidden="true" /> <span>{name}</span>
        </a>
      ))}
    </nav>
  );
}

/** The paths are those that Prefect's command line prints. */
function Pages(): ComponentChildren {
  return (
    <ErrorBoundary>
      <Router>
        <Route path="/" component={Home} />
        <Route path="/dashboard" component={Home} />
        <Route path="/runs" component={Runs} />
        <Route path="/runs/flow-run/:id" component={Run} />
        <Route path="/flow-runs/flow-run/:id" component={Run} />
        <Route path="/deployments" component={Deployments} />
        <Route path="/deployments/deployment/:id" component={Deployment} />
        <Route path="/deployments/deployment/:id/run" component={RunDeployment} />
        <Route path="/work-pools" component={Pools} />
        <Route path="/work-pools/work-pool/:name" component={Pool} />
        <Route path="/audit" component={Audit} />
        <Route path="/limits/:name" component={Limit} />
        <Route default component={Missing} />
      </Router>
    </ErrorBoundary>
  );
}
