/** Artifacts one below the other, the newest first. */
import { useState } from "preact/hooks";
import type { Artifact } from "../../contract/wire/artifacts.ts";
import { useLatest } from "../data/query.ts";
import { ArtifactView } from "./artifact-view.tsx";
import { Unanswered } from "./loading.tsx";
import { Markdown } from "./markdown.tsx";
import { Pager } from "./pager.tsx";
import { When } from "./time.tsx";

const PAGE = 10;

/** `filter`: whose they are, as the API's filter says it. */
export function ArtifactList({ filter }: { filter: object }) {
  const [page, setPage] = useState(0);
  const artifacts = useLatest<Artifact[]>({
    method: "POST",
    path: "/artifacts/filter",
    body: { artifacts: filter, sort: "CREATED_DESC", limit: PAGE + 1, offset: page * PAGE },
  });
  if (artifacts.value === undefined) return <Unanswered title="Artifacts" query={artifacts} />;
  const found = artifacts.value;
  if (found.length === 0 && page === 0) return null;
  return (
    <>
      <h2>Artifacts</h2>
      {found.slice(0, PAGE).map((artifact) => (
        <article key={artifact.id} class="artifact">
          <h3>
            <a href={`/artifacts/artifact/${artifact.id}`}>{artifact.key ?? "no key"}</a>{" "}
            <span class="tag">{artifact.type ?? "no type"}</span>{" "}
            <span class="count">
              <When at={artifact.created} />
            </span>
          </h3>
          {artifact.description !== null && artifact.description !== "" && (
            <Markdown text={artifact.description} level={3} />
          )}
          <ArtifactView artifact={artifact} level={3} />
        </article>
      ))}
      <Pager
        of="artifacts"
        words={["Newer", "Older"]}
        onNewer={page > 0 ? () => setPage(page - 1) : undefined}
        onOlder={found.length > PAGE ? () => setPage(page + 1) : undefined}
      />
    </>
  );
}
