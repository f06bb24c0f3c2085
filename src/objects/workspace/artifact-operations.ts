/** What a Workspace knows of artifacts: which is the newest of a key, and in which journals there are any. */
import type { Artifact, ArtifactFilter, ArtifactSort } from "../../contract/wire/artifacts.ts";

/** The newest artifact of a key, without what its journal keeps. */
export type ArtifactPointer = Pick<
  Artifact,
  "id" | "created" | "updated" | "type" | "flow_run_id" | "task_run_id"
> & {
  key: string;
  latest_id: string;
};

export type ArtifactIndexOperations = {
  /** An artifact was made, or changed, in a journal; the newest of a key wins. `journal` is the key of its object. */
  note_artifact: { command: { journal: string; artifact: Omit<Artifact, "data"> }; answer: null };
  /** An artifact was deleted; `next` is the newest one of its key that is left. */
  drop_artifact: {
    command: {
      id: string;
      key: string;
      next: { journal: string; artifact: Omit<Artifact, "data"> } | null;
    };
    answer: null;
  };
  /** These journals are gone. */
  forget_artifact_journals: { command: { journals: string[] }; answer: null };
  /** Keys of the journals with artifacts, or with artifacts of these keys, the latest day first. */
  list_artifact_journals: { command: { keys: string[] | null; limit: number }; answer: string[] };
  /** `filter.id` speaks of the latest artifacts. */
  list_latest_artifacts: {
    command: { filter: ArtifactFilter; sort: ArtifactSort; limit: number; offset: number };
    answer: ArtifactPointer[];
  };
  count_latest_artifacts: { command: { filter: ArtifactFilter }; answer: number };
};
