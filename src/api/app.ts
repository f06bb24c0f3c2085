/** The API: one sub-app per resource, all below `/api`. */
import { openAPIRouteHandler } from "hono-openapi";
import { factory } from "./context.ts";
import { commonAnswers } from "./documents.ts";
import {
  answerError,
  answerUnknownRoute,
  authenticate,
  checkApiVersion,
  guardHost,
  limitBodies,
} from "./middleware.ts";
import { admin, API_VERSION } from "./routes/admin.ts";
import { audit } from "./routes/audit.ts";
import { automations } from "./routes/automations.ts";
import { collections } from "./routes/collections.ts";
import { deploymentRuns } from "./routes/deployment-runs.ts";
import { deployments } from "./routes/deployments.ts";
import { flowRuns, flowRunStates } from "./routes/flow-runs.ts";
import { flows } from "./routes/flows.ts";
import { limits } from "./routes/limits.ts";
import { logs } from "./routes/logs.ts";
import { tagLimits } from "./routes/tag-limits.ts";
import { variables } from "./routes/variables.ts";
import { workPools } from "./routes/work-pools.ts";
import { workQueues } from "./routes/work-queues.ts";

const api = factory
  .createApp()
  .route("/", admin)
  .route("/v2/concurrency_limits", limits)
  .route("/concurrency_limits", tagLimits)
  .route("/", automations)
  .route("/", collections)
  .route("/", logs)
  .route("/audit", audit)
  .route("/flows", flows)
  .route("/deployments", deploymentRuns)
  .route("/deployments", deployments)
  .route("/variables", variables)
  .route("/work_pools", workPools)
  .route("/work_queues", workQueues)
  .route("/flow_runs", flowRuns)
  .route("/flow_run_states", flowRunStates);

export const app = factory
  .createApp({ strict: false })
  .use(guardHost)
  .use("/api/*", authenticate, checkApiVersion, limitBodies)
  .route("/api", api);

app.get(
  "/api/openapi.json",
  openAPIRouteHandler(app, {
    defaultOptions: commonAnswers,
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
app.onError(answerError);
app.notFound(answerUnknownRoute);
