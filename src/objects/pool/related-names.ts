/** What the flows and deployments of a pool's runs are called: asked of the catalog, and remembered for a while. */
import { addressOfWorkspace } from "../../contract/envelope.ts";
import type { NamedDeployment, NamesById } from "../../domain/events/state-event.ts";
import type { ObjectHost } from "../shared/host.ts";
import { callUnstored } from "../shared/unstored-call.ts";
import type { WorkspaceOperations } from "../workspace/operations.ts";

/** As Prefect's server does (source: its setting `events.related_resource_cache_ttl`). */
const KNOWN_MS = 300_000;
const KNOWN_MAX = 1000;

type Questions = Pick<WorkspaceOperations, "name_related" | "name_deployments">;

export class RelatedNames {
  readonly #host: ObjectHost;
  readonly #known = new Map<string, { name: string; tags: readonly string[]; until: number }>();

  constructor(host: ObjectHost) {
    this.#host = host;
  }

  get known(): NamesById {
    return this.#known;
  }

  /** Asks for the names that are not known, or not any more. Where the catalog cannot answer they stay so. */
  async learn(ids: readonly string[]): Promise<void> {
    const now = this.#host.now();
    const unknown = [...new Set(ids)].filter((id) => (this.#known.get(id)?.until ?? 0) <= now);
    if (unknown.length === 0) return;
    if (this.#known.size > KNOWN_MAX) this.#known.clear();
    const found = await this.#ask("name_related", { ids: unknown });
    for (const { id, name, tags } of found) this.#known.set(id, { name, tags, until: now + KNOWN_MS });
  }

  /** The deployments of these ids, or those of a queue; none where the catalog cannot answer. */
  findDeployments(of: Questions["name_deployments"]["command"]): Promise<NamedDeployment[]> {
    return this.#ask("name_deployments", of);
  }

  async #ask<Operation extends keyof Questions>(
    operation: Operation,
    command: Questions[Operation]["command"],
  ): Promise<Questions[Operation]["answer"]> {
    const workspace = addressOfWorkspace(this.#host.address.workspace);
    const result = await callUnstored(this.#host, workspace, operation, command);
    return ((result.ok ? result.value : null) ?? []) as Questions[Operation]["answer"];
  }
}
