/** Artifacts: what flows leave for people to look at. */
import type { Artifact, ArtifactCollection } from "../../contract/wire/artifacts.ts";
import { segment, type Http } from "../http.ts";
import type { FilterObject, PageOptions } from "./page.ts";

type ArtifactFilters = PageOptions & { artifacts?: FilterObject; flow_runs?: FilterObject; sort?: string };

/** `/artifacts` */
export class Artifacts {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  read(id: string): Promise<Artifact> {
    return this.#http.get(`/artifacts/${segment(id)}`);
  }

  /** The newest artifact of a key. */
  readLatest(key: string): Promise<Artifact> {
    return this.#http.get(`/artifacts/${segment(key)}/latest`);
  }

  list(filter: ArtifactFilters = {}): Promise<Artifact[]> {
    return this.#http.query("/artifacts/filter", filter);
  }

  /** The newest artifact of each key. */
  listLatest(filter: ArtifactFilters = {}): Promise<ArtifactCollection[]> {
    return this.#http.query("/artifacts/latest/filter", filter);
  }

  async delete(id: string): Promise<void> {
    await this.#http.delete(`/artifacts/${segment(id)}`);
  }
}
