/** Pages of Prefect's dashboard for what Sluice has not, or has elsewhere: what there is instead. */
import { useLocation } from "preact-iso";
import type { ComponentChildren } from "preact";
import { Command } from "../parts/command.tsx";
import { usePageTitle } from "../parts/page-title.ts";

interface Alternative {
  title: string;
  text: ComponentChildren;
  commands: readonly string[];
}

const AUTOMATIONS: Alternative = {
  title: "Sluice has no automations",
  text: (
    <>
      Nothing is started by an event here, and nobody is notified. What automations are mostly used for:{" "}
      <a href="/deployments">schedules</a> start runs, a pool's policy for lost runs starts them again, limits
      keep them apart, and a program can listen to the <a href="/events">events</a>:
    </>
  ),
  commands: ["sluice event stream", "sluice work-pool update NAME --lost-runs reschedule"],
};

/** By how the path begins or ends; the first that fits counts. */
const ALTERNATIVES: readonly (readonly [RegExp, Alternative])[] = [
  [/^\/(automations|notifications)/, AUTOMATIONS],
  [
    /^\/collections/,
    {
      title: "Sluice has no list of collections",
      text: (
        <>
          There are the <a href="/blocks/catalog">types of blocks</a> that this server knows.
        </>
      ),
      commands: [],
    },
  ],
  [
    /^\/work-pools\/.*\/queue/,
    {
      title: "Queues are made and changed by commands",
      text: "Pausing them is a button of their pool; the rest is:",
      commands: ["sluice work-queue create NAME --pool POOL --priority 1", "sluice work-queue --help"],
    },
  ],
  [
    /^\/work-pools/,
    {
      title: "Pools are made and changed by commands",
      text: "Pausing them and their limits are buttons of their pages; the rest is:",
      commands: ["sluice work-pool create ml-pool --type process", "sluice work-pool update --help"],
    },
  ],
  [
    /^\/blocks/,
    {
      title: "Blocks are made and changed by commands and code",
      text: "A value of - is read from the standard input, so that a secret is in no history:",
      commands: ["sluice block create secret/api-token value=-"],
    },
  ],
  [
    /^\/deployments/,
    {
      title: "Deployments are made and changed by their files",
      text: "Their schedules and pausing are buttons of their pages; all else is in prefect.yaml, which is deployed by:",
      commands: ["sluice deploy --all"],
    },
  ],
];

const NOTHING: Alternative = { title: "There is no such page", text: "", commands: [] };

export function Instead() {
  const { path } = useLocation();
  const [, { title, text, commands }] = ALTERNATIVES.find(([begin]) => begin.test(path)) ?? [null, NOTHING];
  usePageTitle(title);
  return (
    <section class="state">
      <h1>{title}</h1>
      <p>{text}</p>
      {commands.map((command) => (
        <Command key={command} text={command} />
      ))}
      <Back path={path} />
    </section>
  );
}

/** `/…/edit` leads back to what would have been changed. */
function Back({ path }: { path: string }) {
  const [, page = ""] = /^(.*)\/(?:edit|duplicate|create)$/.exec(path) ?? [];
  if (page === "" || page.startsWith("/automations") || page.startsWith("/notifications")) return null;
  return (
    <p>
      <a href={page.replace(/\/queue$/, "")}>Go to the page</a>
    </p>
  );
}
