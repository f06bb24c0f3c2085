/** Flows: how many deployments each has, and when it runs next. */
import type { Flow } from "../../contract/wire/deployments.ts";
import { numberPages } from "../data/numbered-pages.ts";
import { useLatest, useQuery } from "../data/query.ts";
import { useUrlQuery } from "../data/url-query.ts";
import { Chip } from "../parts/chip.tsx";
import { Empty } from "../parts/empty.tsx";
import { RunLink } from "../parts/links.tsx";
import { Loading } from "../parts/loading.tsx";
import { Pager } from "../parts/pager.tsx";
import { usePageTitle } from "../parts/page-title.ts";
import { SearchField } from "../parts/search-field.tsx";
import { Table } from "../parts/table.tsx";
import { Tags } from "../parts/tags.tsx";
import { Due, When } from "../parts/time.tsx";

const PAGE = 25;

interface NextRun {
  id: string;
  name: string;
  next_scheduled_start_time: string | null;
}

export function Flows() {
  usePageTitle("Flows");
  const [{ search, tag, page }, set] = useUrlQuery(["search", "tag", "page"]);
  const pages = numberPages(PAGE, page, set);
  const found = useLatest<Flow[]>({
    method: "POST",
    path: "/flows/filter",
    body: {
      flows: {
        ...(search !== "" && { name: { like_: search } }),
        ...(tag !== "" && { tags: { all_: [tag] } }),
      },
      ...pages.window,
    },
  });
  const shown = pages.cut(found.value ?? []);
  const ask = (path: string) =>
    shown.length === 0
      ? null
      : { method: "POST" as const, path, body: { flow_ids: shown.map(({ id }) => id) } };
  const { value: counts } = useQuery<Record<string, number>>(ask("/ui/flows/count-deployments"));
  const { value: next } = useQuery<Record<string, NextRun | null>>(ask("/ui/flows/next-runs"));
  if (found.value === undefined) return <Loading query={found} />;
  const isFiltered = search !== "" || tag !== "" || pages.number > 1;
  return (
    <>
      <div class="title">
        <h1>Flows</h1>
        <SearchField value={search} onSearch={(text) => set({ search: text, page: "" })} />
        {tag !== "" && <Chip text={`tag ${tag}`} onRemove={() => set({ tag: "", page: "" })} />}
      </div>
      {shown.length > 0 ? (
        <Table
          rows={shown}
          keyOf={({ id }) => id}
          columns={[
            { header: "flow", cell: ({ id, name }) => <a href={`/flows/flow/${id}`}>{name}</a> },
            { header: "tags", cell: ({ tags }) => tags.length > 0 && <Tags tags={tags} href="/flows" /> },
            {
              header: "deployments",
              value: ({ id }) => counts?.[id],
              // Not answered yet.
              cell: ({ id }) => (counts === undefined ? "…" : counts[id]),
            },
            {
              header: "next run",
              cell: ({ id }) => {
                if (next === undefined) return "…";
                const run = next[id];
                return (
                  run && (
                    <RunLink run={run}>
                      <Due at={run.next_scheduled_start_time} />
                    </RunLink>
                  )
                );
              },
            },
            { header: "made", cell: ({ created }) => <When at={created} /> },
          ]}
        />
      ) : isFiltered ? (
        <p class="none">Nothing is found.</p>
      ) : (
        <Empty command="sluice deploy --all">
          There is no flow yet. Each comes with its first deployment, or its first run:
        </Empty>
      )}
      <Pager of="flows" {...pages.turns(found.value)} />
    </>
  );
}
