/** What a flow has left for people to look at, by its type. Nothing of it is fetched from elsewhere. */
import type { Artifact } from "../../contract/wire/artifacts.ts";
import { readTable, type Cell } from "../data/artifact-table.ts";
import { Markdown } from "./markdown.tsx";
import { Table, type Column } from "./table.tsx";

/** More is not shown, only said. */
const ROWS_MAX = 200;
const CHARACTERS_MAX = 50_000;

export function ArtifactView({ artifact, level }: { artifact: Artifact; level: number }) {
  const { type, data } = artifact;
  const text = typeof data === "string" ? data : undefined;
  switch (type) {
    case "markdown":
    case "link":
      return text === undefined ? <Raw data={data} /> : <Markdown text={text} level={level} />;
    case "table":
      return <TableOf data={data} />;
    case "progress":
      return <Progress value={Number(data)} />;
    case "image":
      return text === undefined ? <Raw data={data} /> : <Picture address={text} />;
    default:
      return <Raw data={data} />;
  }
}

function TableOf({ data }: { data: Artifact["data"] }) {
  const table = readTable(data);
  if (table === undefined) return <Raw data={data} />;
  const { heads, rows } = table;
  return (
    <>
      <div class="data" tabIndex={0}>
        <Table
          rows={rows.slice(0, ROWS_MAX)}
          areAll={rows.length <= ROWS_MAX}
          columns={heads.map((header, index): Column<Cell[]> => ({
            header,
            value: (row) => row[index],
            class: rows.every((row) => typeof row[index] !== "string") ? "number" : undefined,
          }))}
        />
      </div>
      {rows.length > ROWS_MAX && (
        <p class="none">
          The first {ROWS_MAX} of {rows.length} rows.
        </p>
      )}
    </>
  );
}

function Progress({ value }: { value: number }) {
  const percent = Number.isFinite(value) ? Math.min(100, Math.max(0, value)) : 0;
  return (
    <p class="progress">
      <progress max={100} value={percent} aria-label="Progress" /> {Math.round(percent * 10) / 10} %
    </p>
  );
}

/** A picture that lies in its address is shown; one that lies elsewhere is linked to. */
function Picture({ address }: { address: string }) {
  if (/^data:image\/(?:png|jpeg|gif|webp);base64,/.test(address))
    return <img class="picture" src={address} alt="What the artifact shows" />;
  return (
    <>
      <Markdown text={`![${address}](${encodeURI(address)})`} />
      <p class="none">It lies elsewhere, so it is not loaded here.</p>
    </>
  );
}

function Raw({ data }: { data: Artifact["data"] }) {
  const text = typeof data === "string" ? data : JSON.stringify(data, null, 2);
  return (
    <pre tabIndex={0}>
      {text.slice(0, CHARACTERS_MAX)}
      {text.length > CHARACTERS_MAX && `\n… ${text.length - CHARACTERS_MAX} more characters`}
    </pre>
  );
}
