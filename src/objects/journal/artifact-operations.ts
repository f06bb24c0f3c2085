/** What a RunJournal can be asked about artifacts. */
import type {
  Artifact,
  ArtifactFilter,
  ArtifactSort,
  ArtifactUpdate,
} from "../../contract/wire/artifacts.ts";

/** What puts an artifact into its order among those of other journals. */
export type ArtifactNote = Pick<Artifact, "id" | "created" | "updated" | "key">;

export type ArtifactOperations = {
  /** The caller makes the id, from which the journal can be computed; idempotent by it. */
  create_artifact: { command: Omit<Artifact, "created" | "updated">; answer: Artifact };
  read_artifact: { command: { id: string }; answer: Artifact };
  /** In the order of the ids; those that are not there are null, those that would make the answer too large undefined. */
  read_artifacts: { command: { ids: string[] }; answer: (Artifact | null | undefined)[] };
  update_artifact: { command: { id: string; update: ArtifactUpdate }; answer: Artifact };
  delete_artifact: { command: { id: string }; answer: Artifact };
  list_artifacts: {
    command: { filter: ArtifactFilter; sort: ArtifactSort; limit: number };
    answer: ArtifactNote[];
  };
  count_artifacts: { command: { filter: ArtifactFilter }; answer: number };
};
