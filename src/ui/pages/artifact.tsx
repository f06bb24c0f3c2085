/** One artifact. */
import { useRoute } from "preact-iso";
import type { Artifact as ArtifactRecord } from "../../contract/wire/artifacts.ts";
import { useQuery } from "../data/query.ts";
import { useRunNames } from "../data/run-names.ts";
import { ArtifactView } from "../parts/artifact-view.tsx";
import { Facts } from "../parts/facts.tsx";
import { Loading } from "../parts/loading.tsx";
import { Markdown } from "../parts/markdown.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { When } from "../parts/time.tsx";

export function Artifact() {
  const { params } = useRoute();
  const id = params["id"] ?? "";
  const found = useQuery<ArtifactRecord>({ method: "GET", path: `/artifacts/${id}` });
  const artifact = found.value;
  const { key = null, flow_run_id: runId = null, task_run_id: taskId = null } = artifact ?? {};
  usePageTitle(key ?? "Artifact");
  const runs = useRunNames(runId === null ? [] : [runId]);
  if (artifact === undefined) return <Loading query={found} />;
  const { type, description, metadata_ } = artifact;
  return (
    <>
      <div class="title">
        <h1>{key ?? "An artifact without a key"}</h1>
        {type !== null && <span class="tag">{type}</span>}
      </div>
      {description !== null && description !== "" && <Markdown text={description} />}
      <ArtifactView artifact={artifact} level={1} />
      <h2>About it</h2>
      <Facts
        facts={[
          ["All of its key", key !== null && <a href={`/artifacts/key/${encodeURIComponent(key)}`}>{key}</a>],
          ["Run", runId !== null && <a href={`/runs/flow-run/${runId}`}>{runs.get(runId) ?? runId}</a>],
          ["Task run", taskId !== null && <a href={`/runs/task-run/${taskId}`}>{taskId}</a>],
          ["Made", <When key="made" at={artifact.created} />],
          ["Changed", artifact.updated !== artifact.created && <When at={artifact.updated} />],
          ...Object.entries(metadata_ ?? {}),
          ["Id", <code key="id">{id}</code>],
        ]}
      />
    </>
  );
}
