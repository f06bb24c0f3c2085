/** Artifacts as people see them. */
import type { Client } from "../../client/index.ts";
import type { Artifact } from "../../contract/wire/artifacts.ts";
import { rephrase } from "../api.ts";
import { CommandError } from "../framework/errors.ts";
import { readAll } from "../framework/list.ts";
import { shortenId } from "../output/ids.ts";
import type { Column, Detail } from "../output/table.ts";
import { formatRelative } from "../output/time.ts";
import { explainMissing } from "./missing.ts";

/** Keys of artifacts on the server. */
export async function listArtifactKeys(api: Client): Promise<string[]> {
  return (await api.artifacts.listLatest({ limit: 200 })).map(({ key }) => key);
}

/** Reads an artifact by its id; a missing one is explained. */
export function readArtifact(api: Client, id: string): Promise<Artifact> {
  return rephrase(
    api.artifacts.read(id),
    404,
    () => `No artifact with the id ${id}; \`sluice artifact ls --all\` shows those there are.`,
  );
}

/** Reads the artifacts of a key, the latest first; that there is none is explained. */
export async function readArtifactsOf(api: Client, key: string, limit?: number): Promise<Artifact[]> {
  const found = await readAll(
    (page) => api.artifacts.list({ artifacts: { key: { any_: [key] } }, sort: "CREATED_DESC", ...page }),
    limit === undefined ? {} : { limit },
  );
  if (found.length > 0) return found;
  throw new CommandError(
    await explainMissing(
      "artifact",
      key,
      () => listArtifactKeys(api),
      "`sluice artifact ls` shows the keys there are",
    ),
  );
}

/** Everything about one artifact but its data. */
export function describeArtifact(artifact: Artifact, now: number): Detail[] {
  return [
    ["Key", artifact.key],
    ["Type", artifact.type],
    ["Description", artifact.description],
    ["Flow run", artifact.flow_run_id],
    ["Task run", artifact.task_run_id],
    ["Created", formatRelative(artifact.created, now)],
    ["Id", artifact.id],
  ];
}

/** Columns of a list of artifacts; `idOf` says which id of it is meant. */
export function artifactColumns<Row extends Artifact>(
  now: number,
  idOf: (row: Row) => string,
): Column<Row>[] {
  return [
    { title: "Key", value: ({ key }) => key },
    { title: "Type", value: ({ type }) => type, rank: 1 },
    { title: "Description", value: ({ description }) => description, rank: 3 },
    { title: "Updated", value: ({ updated }) => formatRelative(updated, now), rank: 2 },
    { title: "Id", value: idOf, short: (row) => shortenId(idOf(row)) },
  ];
}
