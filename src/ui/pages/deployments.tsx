/** Deployments: where they run, when they run next, and how they ran last. */
import type { Deployment } from "../../contract/wire/deployments.ts";
import { numberPages } from "../data/numbered-pages.ts";
import { useLatest } from "../data/query.ts";
import { useUrlQuery } from "../data/url-query.ts";
import { Chip } from "../parts/chip.tsx";
import { DeploymentTable } from "../parts/deployment-table.tsx";
import { Empty } from "../parts/empty.tsx";
import { Loading } from "../parts/loading.tsx";
import { Pager } from "../parts/pager.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { SearchField } from "../parts/search-field.tsx";

const PAGE = 25;

export function Deployments() {
  usePageTitle("Deployments");
  const [{ search, tag, page }, set] = useUrlQuery(["search", "tag", "page"]);
  const pages = numberPages(PAGE, page, set);
  const found = useLatest<Deployment[]>({
    method: "POST",
    path: "/deployments/filter",
    body: {
      deployments: {
        ...(search !== "" && { flow_or_deployment_name: { like_: search } }),
        ...(tag !== "" && { tags: { all_: [tag] } }),
      },
      ...pages.window,
    },
  });
  if (found.value === undefined) return <Loading query={found} />;
  const isFiltered = search !== "" || tag !== "";
  return (
    <>
      <div class="title">
        <h1>Deployments</h1>
        <SearchField value={search} onSearch={(text) => set({ search: text, page: "" })} />
        {tag !== "" && <Chip text={`tag ${tag}`} onRemove={() => set({ tag: "", page: "" })} />}
      </div>
      {found.value.length > 0 && <DeploymentTable deployments={pages.cut(found.value)} />}
      {found.value.length === 0 && !isFiltered && pages.number === 1 && (
        <Empty command="sluice deploy --all">
          There is no deployment yet. From a folder with a <code>prefect.yaml</code>:
        </Empty>
      )}
      {found.value.length === 0 && (isFiltered || pages.number > 1) && <p class="none">Nothing is found.</p>}
      <Pager of="deployments" {...pages.turns(found.value)} />
    </>
  );
}
