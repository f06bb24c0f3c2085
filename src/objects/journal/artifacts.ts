/** Turns of artifacts. */
import { accept, refuse } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { Artifact } from "../../contract/wire/artifacts.ts";
import type { Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import type { ArtifactOperations } from "./artifact-operations.ts";
import { ArtifactStore } from "./artifact-store.ts";

const NOT_FOUND = refuse("not_found", "Artifact not found.");
/** One answer carries about this many characters at most. */
const ANSWER_CHARACTERS_MAX = 8_000_000;

/** `keep` moves the end of the journal ahead. */
export function handleArtifacts(host: ObjectHost, keep: () => void): Handlers<ArtifactOperations> {
  const store = new ArtifactStore(host.sql);
  return {
    create_artifact: (create) => {
      const existing = store.read(create.id);
      if (existing !== undefined) return accept(existing);
      keep();
      const now = formatInstant(host.now());
      const artifact = { ...create, created: now, updated: now };
      store.put(artifact);
      return accept(artifact);
    },
    read_artifact: ({ id }) => {
      const artifact = store.read(id);
      return artifact === undefined ? NOT_FOUND : accept(artifact);
    },
    read_artifacts: ({ ids }) => {
      let characters = 0;
      return accept(
        ids.map((id) => {
          if (characters > ANSWER_CHARACTERS_MAX) return undefined;
          const artifact = store.read(id) ?? null;
          characters += JSON.stringify(artifact).length;
          return artifact;
        }),
      );
    },
    update_artifact: ({ id, update }) => {
      const artifact = store.read(id);
      if (artifact === undefined) return NOT_FOUND;
      keep();
      const sent = Object.fromEntries(Object.entries(update).filter(([, value]) => value !== undefined));
      const changed: Artifact = { ...artifact, ...sent, updated: formatInstant(host.now()) };
      store.put(changed);
      return accept(changed);
    },
    delete_artifact: ({ id }) => {
      const artifact = store.read(id);
      if (artifact === undefined) return NOT_FOUND;
      store.delete(id);
      return accept(artifact);
    },
    list_artifacts: ({ filter, sort, limit }) => accept(store.list(filter, sort, limit)),
    count_artifacts: ({ filter }) => accept(store.count(filter)),
  };
}
