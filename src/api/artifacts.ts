/** Ways to artifacts: each lies in the journal of its run, or of its day where it has none. */
import { addressOfJournal, addressOfWorkspace } from "../contract/envelope.ts";
import { dayOfId, formatId, keyOfId } from "../contract/ids.ts";
import { formatInstant } from "../contract/instants.ts";
import { journalOfRun, NO_POOL_KEY, type JournalAddress } from "../contract/journals.ts";
import type { Artifact, ArtifactFilter, ArtifactSort } from "../contract/wire/artifacts.ts";
import type { ArtifactNote } from "../objects/journal/artifact-operations.ts";
import { call, fail, isRefusal, type ApiContext } from "./context.ts";

const DAY_MS = 86_400_000;
/** Journals that one question may go to; the latest days are asked. */
const JOURNALS_ASKED_MAX = 100;
const TAIL_VALUES = 2 ** 22;

/** An id for a new artifact, and the journal that it says. A run that goes on after midnight stays in its day. */
export function placeNewArtifact(
  c: ApiContext,
  flowRunId: string | null,
): { id: string; address: JournalAddress } {
  const now = Date.now();
  const own = flowRunId === null ? undefined : journalOfRun(c.get("workspace"), flowRunId);
  const [key = NO_POOL_KEY, day = dayOf(now)] = own?.key.split("-") ?? [];
  const dayBegins = Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`);
  const head = Math.min(Math.max(now, dayBegins), dayBegins + DAY_MS - 1);
  const tail = (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) % TAIL_VALUES;
  const address = { ...addressOfJournal(c.get("workspace"), key, day), kind: "journal" as const };
  return { id: formatId({ layout: "artifact", key, head, version: 7, tail }), address };
}

function dayOf(ms: number): string {
  return formatInstant(ms).slice(0, 10).replaceAll("-", "");
}

/** The journal that an id says; undefined for an id that is not an artifact's. */
function journalOfArtifact(c: ApiContext, id: string): JournalAddress | undefined {
  const key = keyOfId(id, "artifact");
  const day = dayOfId(id);
  return key === undefined || day === undefined
    ? undefined
    : { ...addressOfJournal(c.get("workspace"), key, day), kind: "journal" as const };
}

/** The journal of the artifact that the path names; ends the request for an id that is none. */
export function requireJournal(c: ApiContext, id: string): JournalAddress {
  return journalOfArtifact(c, id) ?? fail("not_found", "Artifact not found.");
}

/** Tells the catalog of an artifact, so that lists find it; the answer waits for it. */
export async function noteArtifact(
  c: ApiContext,
  address: JournalAddress,
  artifact: Artifact,
): Promise<void> {
  const command = { journal: address.key, artifact: withoutData(artifact) };
  await call(c, addressOfWorkspace(c.get("workspace")), "note_artifact", command);
}

/** What the catalog keeps of an artifact. */
export function withoutData({ data: _data, ...note }: Artifact): Omit<Artifact, "data"> {
  return note;
}

/** A page of the artifacts that a filter means; a shorter one where they are very large. */
export async function findArtifacts(
  c: ApiContext,
  filter: ArtifactFilter,
  { sort, limit, offset }: { sort: ArtifactSort; limit: number; offset: number },
): Promise<Artifact[]> {
  const command = { filter, sort, limit: offset + limit };
  const pages = await askJournals(c, filter, (address) => call(c, address, "list_artifacts", command));
  const ids = pages
    .flat()
    .toSorted(compareBy(sort))
    .slice(offset, offset + limit)
    .map(({ id }) => id);
  return readArtifacts(c, ids);
}

/** Counts the artifacts that a filter means, over the journals that may have any. */
export async function countArtifacts(c: ApiContext, filter: ArtifactFilter): Promise<number> {
  const counts = await askJournals(c, filter, (address) => call(c, address, "count_artifacts", { filter }));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** These artifacts in their order, those that are gone left out, up to where an answer becomes too large. */
export async function readArtifacts(c: ApiContext, ids: readonly string[]): Promise<Artifact[]> {
  const byJournal = Map.groupBy(ids, (id) => journalOfArtifact(c, id)?.key);
  const found = new Map<string, Artifact | null>();
  const gone: string[] = [];
  await Promise.all(
    [...byJournal.values()].map(async (own) => {
      const address = journalOfArtifact(c, own[0] ?? "");
      if (address === undefined) return;
      const artifacts = await orGone(call(c, address, "read_artifacts", { ids: own }));
      if (artifacts === undefined) gone.push(address.key);
      for (const [index, id] of own.entries()) {
        const artifact = artifacts === undefined ? null : artifacts[index];
        if (artifact !== undefined) found.set(id, artifact);
      }
    }),
  );
  await forget(c, gone);
  const end = ids.findIndex((id) => !found.has(id));
  return ids
    .slice(0, end === -1 ? ids.length : end)
    .map((id) => found.get(id) ?? null)
    .filter((artifact) => artifact !== null);
}

/** Asks every journal that can have such artifacts, and forgets those that are gone by now. */
async function askJournals<Answer>(
  c: ApiContext,
  filter: ArtifactFilter,
  ask: (address: JournalAddress) => Promise<Answer>,
): Promise<Answer[]> {
  const addresses = await journalsOf(c, filter);
  const answers = await Promise.all(addresses.map((address) => orGone(ask(address))));
  const gone = addresses.filter((_address, index) => answers[index] === undefined).map(({ key }) => key);
  await forget(c, gone);
  return answers.filter((answer) => answer !== undefined) as Answer[];
}

/** Tells the catalog of journals that are gone, so that nobody asks for them again. */
async function forget(c: ApiContext, journals: string[]): Promise<void> {
  if (journals.length > 0)
    await call(c, addressOfWorkspace(c.get("workspace")), "forget_artifact_journals", { journals });
}

/** The journals that can have what a filter means: its ids and its runs' ids say them, else the catalog knows. */
async function journalsOf(c: ApiContext, filter: ArtifactFilter): Promise<JournalAddress[]> {
  const workspace = c.get("workspace");
  const ids = filter.id?.any_ ?? null;
  const runs = filter.flow_run_id?.any_?.map((id) => journalOfRun(workspace, id)) ?? null;
  const isAnd = filter.operator !== "or_";
  const said =
    isAnd && ids !== null
      ? ids.map((id) => journalOfArtifact(c, id))
      : isAnd && runs !== null && !runs.includes(undefined)
        ? runs
        : null;
  if (said !== null) {
    const byKey = new Map(
      said.filter((address) => address !== undefined).map((address) => [address.key, address]),
    );
    if (byKey.size > JOURNALS_ASKED_MAX)
      return fail("invalid", "These artifacts may be in too many places; ask for fewer at once.");
    return [...byKey.values()];
  }
  const journals = await call(c, addressOfWorkspace(workspace), "list_artifact_journals", {
    keys: isAnd ? (filter.key?.any_ ?? null) : null,
    limit: JOURNALS_ASKED_MAX,
  });
  return journals.map((key) => ({ workspace, kind: "journal", key }));
}

/** An answer, or undefined where its journal does not exist any more. */
async function orGone<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isRefusal(error, "not_found")) return undefined;
    throw error;
  }
}

function compareBy(sort: ArtifactSort): (left: ArtifactNote, right: ArtifactNote) => number {
  const field = ({ CREATED_DESC: "created", UPDATED_DESC: "updated", ID_DESC: "id" } as const)[
    sort as "CREATED_DESC" | "UPDATED_DESC" | "ID_DESC"
  ] as keyof ArtifactNote | undefined;
  const direction = sort === "KEY_ASC" ? 1 : -1;
  const compare = (left: string | null, right: string | null) =>
    (left ?? "") < (right ?? "") ? -1 : (left ?? "") > (right ?? "") ? 1 : 0;
  return (left, right) =>
    direction * compare(left[field ?? "key"], right[field ?? "key"]) || compare(right.id, left.id);
}
