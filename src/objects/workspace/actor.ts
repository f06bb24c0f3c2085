import { accept } from "../../contract/errors.ts";
import { Actor, type Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import { deleteEntry, findEntries, listEntries, putEntry } from "./directory-store.ts";
import { migrations } from "./migrations.ts";
import type { WorkspaceOperations } from "./operations.ts";

export class WorkspaceActor extends Actor<WorkspaceOperations> {
  protected readonly handlers = {
    register: ({ kind, entry }) => {
      putEntry(this.host.sql, kind, entry);
      return accept(null);
    },
    unregister: ({ kind, name, id }) => {
      deleteEntry(this.host.sql, kind, name, id);
      return accept(null);
    },
    list_directory: ({ kind, after_name, limit }) =>
      accept(listEntries(this.host.sql, kind, after_name, limit)),
    find_directory: ({ kind, names }) => accept(findEntries(this.host.sql, kind, names)),
  } as Partial<Handlers<WorkspaceOperations>> as Handlers<WorkspaceOperations>;
  /** A workspace exists by its key alone, so whatever is asked first makes its tables. */
  protected readonly creating: ReadonlySet<string> = new Set(Object.keys(this.handlers));

  constructor(host: ObjectHost) {
    super(host, migrations);
  }

  protected sweep(): void {}

  protected earliestDeadline(): number | undefined {
    return undefined;
  }
}
