/** Artifacts: what flows leave for people to look at. Source of the fields: Prefect's `schemas/core.py`. */
import { z } from "zod";
import { NAME_CHARACTERS_MAX } from "../bounds.ts";
import { DeploymentFilter, FlowFilter } from "./catalog-filters.ts";
import { Id, Json, Page, Stamps } from "./common.ts";
import { anyId, operator, textList } from "./filter-parts.ts";
import { FlowRunFilter, TaskRunFilter } from "./filters.ts";

const METADATA_CHARACTERS_MAX = 500;

const Key = z
  .string()
  .min(1)
  .max(NAME_CHARACTERS_MAX)
  .regex(/^[a-z0-9-]*$/, "Artifact key must only contain lowercase letters, numbers, and dashes.");
/** Longer textList are cut, as Prefect does. */
const Metadata = z.record(
  z.string(),
  z
    .string()
    .transform((text) =>
      text.length > METADATA_CHARACTERS_MAX ? `${text.slice(0, METADATA_CHARACTERS_MAX)}...` : text,
    ),
);

export const Artifact = z.object({
  ...Stamps,
  key: z.string().nullable(),
  type: z.string().nullable(),
  description: z.string().nullable(),
  data: Json.nullable(),
  metadata_: z.record(z.string(), z.string()).nullable(),
  flow_run_id: Id.nullable(),
  task_run_id: Id.nullable(),
});
export type Artifact = z.infer<typeof Artifact>;

/** The newest artifact of a key. */
export const ArtifactCollection = Artifact.extend({ key: z.string(), latest_id: Id });
export type ArtifactCollection = z.infer<typeof ArtifactCollection>;

/** `POST /artifacts/` */
export const ArtifactCreate = z.strictObject({
  key: Key.nullish(),
  type: z.string().max(NAME_CHARACTERS_MAX).nullish(),
  description: z.string().nullish(),
  data: Json.nullish(),
  metadata_: Metadata.nullish(),
  flow_run_id: Id.nullish(),
  task_run_id: Id.nullish(),
});
/** `PATCH /artifacts/{id}`: only what is sent changes. */
export const ArtifactUpdate = z.strictObject({
  data: Json.nullish(),
  description: z.string().nullish(),
  metadata_: Metadata.nullish(),
});
export type ArtifactUpdate = z.infer<typeof ArtifactUpdate>;

const conditions = {
  operator,
  key: z
    .strictObject({ any_: textList, like_: z.string().nullish(), exists_: z.boolean().nullish() })
    .nullish(),
  flow_run_id: anyId,
  task_run_id: anyId,
  type: z.strictObject({ any_: textList, not_any_: textList }).nullish(),
};
export const ArtifactFilter = z.strictObject({ ...conditions, id: anyId });
export type ArtifactFilter = z.infer<typeof ArtifactFilter>;
export const ArtifactCollectionFilter = z.strictObject({ ...conditions, latest_id: anyId });

export const ARTIFACT_SORTS = ["CREATED_DESC", "UPDATED_DESC", "ID_DESC", "KEY_DESC", "KEY_ASC"] as const;
export type ArtifactSort = (typeof ARTIFACT_SORTS)[number];

const ofRuns = {
  flow_runs: FlowRunFilter.nullish(),
  task_runs: TaskRunFilter.nullish(),
  flows: FlowFilter.nullish(),
  deployments: DeploymentFilter.nullish(),
};
/** What is said of the runs that artifacts belong to. */
export interface ArtifactRunFilters {
  flow_runs?: FlowRunFilter | null | undefined;
  task_runs?: TaskRunFilter | null | undefined;
  flows?: FlowFilter | null | undefined;
  deployments?: DeploymentFilter | null | undefined;
}
const sort = z
  .enum(ARTIFACT_SORTS)
  .nullish()
  .transform((chosen) => chosen ?? "ID_DESC");

export const ArtifactsCountBody = z.object({ artifacts: ArtifactFilter.nullish(), ...ofRuns });
export const ArtifactsFilterBody = ArtifactsCountBody.extend({ sort, ...Page });
export const LatestArtifactsCountBody = z.object({
  artifacts: ArtifactCollectionFilter.nullish(),
  ...ofRuns,
});
export const LatestArtifactsFilterBody = LatestArtifactsCountBody.extend({ sort, ...Page });
