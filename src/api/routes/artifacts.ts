/** `/artifacts` (source: wire §3.12). */
import { z } from "zod";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import {
  Artifact,
  ArtifactCollection,
  type ArtifactCollectionFilter,
  ArtifactCreate,
  ArtifactsCountBody,
  ArtifactsFilterBody,
  ArtifactUpdate,
  LatestArtifactsCountBody,
  LatestArtifactsFilterBody,
  type ArtifactFilter,
} from "../../contract/wire/artifacts.ts";
import { withRuns } from "../artifact-runs.ts";
import {
  countArtifacts,
  findArtifacts,
  noteArtifact,
  placeNewArtifact,
  readArtifacts,
  requireJournal,
  withoutData,
} from "../artifacts.ts";
import { call, factory, fail, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { checkPage } from "../pools.ts";
import { body, uuidParam } from "../validation.ts";

const describe = describeResource("Artifacts");
const workspace = (c: ApiContext) => addressOfWorkspace(c.get("workspace"));

/** A filter of the newest artifacts names them otherwise. */
function toFilter({ latest_id, ...filter }: z.infer<typeof ArtifactCollectionFilter>): ArtifactFilter {
  return { ...filter, id: latest_id };
}

export const artifacts = factory
  .createApp()
  .post("/", describe("Create an artifact", 201, Artifact), body(ArtifactCreate), async (c) => {
    const create = c.req.valid("json");
    const flow_run_id = create.flow_run_id?.toLowerCase() ?? null;
    const { id, address } = placeNewArtifact(c, flow_run_id);
    const artifact = await call(c, address, "create_artifact", {
      id,
      key: create.key ?? null,
      type: create.type ?? null,
      description: create.description ?? null,
      data: create.data ?? null,
      metadata_: create.metadata_ ?? null,
      flow_run_id,
      task_run_id: create.task_run_id?.toLowerCase() ?? null,
    });
    await noteArtifact(c, address, artifact);
    return c.json(artifact, 201);
  })
  .post(
    "/filter",
    describe("List artifacts", 200, z.array(Artifact)),
    body(ArtifactsFilterBody),
    async (c) => {
      const { artifacts: filter, sort, limit, offset, ...runs } = c.req.valid("json");
      checkPage({ limit, offset });
      return c.json(await findArtifacts(c, await withRuns(c, filter, runs), { sort, limit, offset }));
    },
  )
  .post("/count", describe("Count artifacts", 200, z.int()), body(ArtifactsCountBody), async (c) => {
    const { artifacts: filter, ...runs } = c.req.valid("json");
    return c.json(await countArtifacts(c, await withRuns(c, filter, runs)));
  })
  .post(
    "/latest/filter",
    describe("List the newest artifact of each key", 200, z.array(ArtifactCollection)),
    body(LatestArtifactsFilterBody),
    async (c) => {
      const { artifacts: sent, sort, limit, offset, ...runs } = c.req.valid("json");
      const filter = await withRuns(c, sent && toFilter(sent), runs);
      const command = { filter, sort, limit, offset };
      const pointers = await call(c, workspace(c), "list_latest_artifacts", command);
      const found = await readArtifacts(
        c,
        pointers.map(({ latest_id }) => latest_id),
      );
      const byId = new Map(found.map((artifact) => [artifact.id, artifact]));
      const collections = pointers.flatMap(({ id, key, latest_id, created }) => {
        const artifact = byId.get(latest_id);
        return artifact === undefined ? [] : [{ ...artifact, id, key, latest_id, created }];
      });
      return c.json(collections);
    },
  )
  .post(
    "/latest/count",
    describe("Count the keys of artifacts", 200, z.int()),
    body(LatestArtifactsCountBody),
    async (c) => {
      const { artifacts: sent, ...runs } = c.req.valid("json");
      const filter = await withRuns(c, sent && toFilter(sent), runs);
      return c.json(await call(c, workspace(c), "count_latest_artifacts", { filter }));
    },
  )
  .get("/:key/latest", describe("Read the newest artifact of a key", 200, Artifact), async (c) => {
    const filter = { key: { any_: [c.req.param("key")] } };
    const page = { sort: "ID_DESC" as const, limit: 1, offset: 0 };
    const pointers = await call(c, workspace(c), "list_latest_artifacts", { filter, ...page });
    const [artifact] = await readArtifacts(
      c,
      pointers.map(({ latest_id }) => latest_id),
    );
    return artifact === undefined ? fail("not_found", "Artifact not found.") : c.json(artifact);
  })
  .get("/:id", describe("Read an artifact", 200, Artifact), async (c) => {
    const id = uuidParam(c, "id");
    return c.json(await call(c, requireJournal(c, id), "read_artifact", { id }));
  })
  .patch("/:id", describe("Change what is sent of an artifact", 204), body(ArtifactUpdate), async (c) => {
    const id = uuidParam(c, "id");
    const address = requireJournal(c, id);
    const artifact = await call(c, address, "update_artifact", { id, update: c.req.valid("json") });
    await noteArtifact(c, address, artifact);
    return c.body(null, 204);
  })
  .delete("/:id", describe("Delete an artifact", 204), async (c) => {
    const id = uuidParam(c, "id");
    const { key } = await call(c, requireJournal(c, id), "delete_artifact", { id });
    if (key === null) return c.body(null, 204);
    const filter = { key: { any_: [key] } };
    const [left] = await findArtifacts(c, filter, { sort: "CREATED_DESC", limit: 1, offset: 0 });
    const next =
      left === undefined ? null : { journal: requireJournal(c, left.id).key, artifact: withoutData(left) };
    await call(c, workspace(c), "drop_artifact", { id, key, next });
    return c.body(null, 204);
  });
