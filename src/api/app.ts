/** The API: one sub-app per resource, all below `/api`. */
import { openAPIRouteHandler } from "hono-openapi";
import { tellObjects } from "./changes.ts";
import { factory } from "./context.ts";
import { serveDashboard } from "./dashboard.ts";
import { answerError, answerUnknownRoute, guardApi, guardHost } from "./middleware.ts";
import { admin, API_VERSION } from "./routes/admin.ts";
import { artifacts } from "./routes/artifacts.ts";
import { audit } from "./routes/audit.ts";
import { automations } from "./routes/automations.ts";
import { blockCapabilities, blockDocuments, blockSchemas, blockTypes } from "./routes/blocks.ts";
import { changes } from "./routes/changes.ts";
import { collections } from "./routes/collections.ts";
import { deploymentRuns } from "./routes/deployment-runs.ts";
import { deployments } from "./routes/deployments.ts";
import { events } from "./routes/events.ts";
import { flowRunGraph } from "./routes/flow-run-graph.ts";
import { flowRuns, flowRunStates } from "./routes/flow-runs.ts";
import { flows } from "./routes/flows.ts";
import { leases } from "./routes/leases.ts";
import { limits } from "./routes/limits.ts";
import { logs } from "./routes/logs.ts";
import { metrics } from "./routes/metrics.ts";
import { manyFlowRuns } from "./routes/many-flow-runs.ts";
import { savedSearches } from "./routes/saved-searches.ts";
import { uiTaskRuns } from "./routes/ui-task-runs.ts";
import { ui } from "./routes/ui.ts";
import { tagLimits } from "./routes/tag-limits.ts";
import { scheduleTimes } from "./routes/schedule-times.ts";
import { taskWorkers } from "./routes/task-workers.ts";
import { taskRuns, taskRunStates } from "./routes/task-runs.ts";
import { variables } from "./routes/variables.ts";
import { workPools } from "./routes/work-pools.ts";
import { workQueues } from "./routes/work-queues.ts";

const api = factory
  .createApp()
  .route("/", admin)
  .route("/v2/concurrency_limits/leases", leases)
  .route("/v2/concurrency_limits", limits)
  .route("/concurrency_limits", tagLimits)
  .route("/", automations)
  .route("/", collections)
  .route("/", logs)
  .route("/audit", audit)
  .route("/metrics", metrics)
  .route("/changes", changes)
  .route("/events", events)
  .route("/artifacts", artifacts)
  .route("/saved_searches", savedSearches)
  .route("/ui/task_runs", uiTaskRuns)
  .route("/ui", ui)
  .route("/block_types", blockTypes)
  .route("/block_schemas", blockSchemas)
  .route("/block_documents", blockDocuments)
  .route("/block_capabilities", blockCapabilities)
  .route("/flows", flows)
  .route("/deployments", deploymentRuns)
  .route("/deployments", scheduleTimes)
  .route("/deployments", deployments)
  .route("/variables", variables)
  .route("/work_pools", workPools)
  .route("/work_queues", workQueues)
  .route("/flow_runs", manyFlowRuns)
  .route("/flow_runs", flowRunGraph)
  .route("/flow_runs", flowRuns)
  .route("/task_runs", taskRuns)
  .route("/task_run_states", taskRunStates)
  .route("/task_workers", taskWorkers)
  .route("/flow_run_states", flowRunStates);

export const app = factory
  .createApp({ strict: false })
  .use(guardHost)
  .use("/api/*", guardApi)
  .use("/api/*", tellObjects)
  .route("/api", api);

app.get(
  "/api/openapi.json",
  openAPIRouteHandler(app, {
    documentation: {
      info: {
        title: "Sluice",
        version: API_VERSION,
        description:
          "Prefect 3's REST API for work pools, limits, deployments and runs, and what goes beyond it.",
      },
      components: {
        securitySchemes: {
          bearer: { type: "http", scheme: "bearer" },
          basic: { type: "http", scheme: "basic" },
        },
      },
      security: [{ bearer: [] }, { basic: [] }],
    },
  }),
);
app.all("/api/*", answerUnknownRoute);
app.get("*", ...serveDashboard);
app.onError(answerError);
app.notFound(answerUnknownRoute);
