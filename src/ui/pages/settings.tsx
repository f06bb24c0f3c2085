/** What this browser and this server are set to. */
import { forgetKey, readKey } from "../data/http.ts";
import { useQuery } from "../data/query.ts";
import { Command } from "../parts/command.tsx";
import { Facts } from "../parts/facts.tsx";
import { usePageTitle } from "../parts/page-title.ts";

export function Settings() {
  usePageTitle("Settings");
  const { value: version } = useQuery<string>({ method: "GET", path: "/admin/version" });
  const key = readKey();
  return (
    <>
      <div class="title">
        <h1>Settings</h1>
      </div>
      <Facts
        facts={[
          ["API", <code key="api">{location.origin}/api</code>],
          ["Speaks the API of", version !== undefined && `Prefect ${version}`],
          ["Key in this browser", key === null ? "none" : "there is one"],
        ]}
      />
      {key !== null && (
        <p class="below">
          <button
            type="button"
            onClick={() => {
              forgetKey();
              location.assign("/");
            }}
          >
            Forget the key
          </button>
        </p>
      )}
      <h2>For commands and flows</h2>
      <Command text={`export SLUICE_API_URL=${location.origin}/api`} />
      <Command text={`export PREFECT_API_URL=${location.origin}/api`} />
      <p class="none">
        The server's own settings are variables of its process: <code>sluice server start --help</code>.{" "}
        <a href="/api/openapi.json" target="_blank" rel="noreferrer">
          The API in full
        </a>
      </p>
    </>
  );
}
