/** Tells the platform's types which module the tests run against. */
import type { ConcurrencyLimit, RunJournal, WorkPool, Workspace, EventHub } from "../../src/index.ts";

declare global {
  namespace Cloudflare {
    interface GlobalProps {
      mainModule: typeof import("../../src/index.ts");
      durableNamespaces: "Workspace" | "WorkPool" | "ConcurrencyLimit" | "RunJournal" | "EventHub";
    }
    interface Env {
      WORKSPACE: DurableObjectNamespace<Workspace>;
      WORK_POOL: DurableObjectNamespace<WorkPool>;
      CONCURRENCY_LIMIT: DurableObjectNamespace<ConcurrencyLimit>;
      RUN_JOURNAL: DurableObjectNamespace<RunJournal>;
      EVENT_HUB: DurableObjectNamespace<EventHub>;
    }
  }
}
