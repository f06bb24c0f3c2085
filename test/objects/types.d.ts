declare namespace Cloudflare {
  interface GlobalProps {
    mainModule: typeof import("../../src/index.ts");
    durableNamespaces: "Workspace" | "WorkPool" | "ConcurrencyLimit" | "RunJournal";
  }
  interface Env {
    WORKSPACE: DurableObjectNamespace<import("../../src/index.ts").Workspace>;
    WORK_POOL: DurableObjectNamespace<import("../../src/index.ts").WorkPool>;
    CONCURRENCY_LIMIT: DurableObjectNamespace<import("../../src/index.ts").ConcurrencyLimit>;
    RUN_JOURNAL: DurableObjectNamespace<import("../../src/index.ts").RunJournal>;
  }
}
