/** All artifacts of one key, the newest first. */
import { useRoute } from "preact-iso";
import type { Artifact } from "../../contract/wire/artifacts.ts";
import { useQuery } from "../data/query.ts";
import { ArtifactList } from "../parts/artifact-list.tsx";
import { Loading } from "../parts/loading.tsx";
import { usePageTitle } from "../parts/page-title.ts";

export function ArtifactKey() {
  const { params } = useRoute();
  const key = params["key"] ?? "";
  usePageTitle(key);
  const latest = useQuery<Artifact>({ method: "GET", path: `/artifacts/${encodeURIComponent(key)}/latest` });
  if (latest.value === undefined) return <Loading query={latest} />;
  return (
    <>
      <div class="title">
        <h1>{key}</h1>
        <a href="/artifacts">All artifacts</a>
      </div>
      <ArtifactList key={key} filter={{ key: { any_: [key] } }} />
    </>
  );
}
