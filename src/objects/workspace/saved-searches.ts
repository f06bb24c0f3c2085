/** SQL and turns of saved searches, and what else the dashboard counts in the catalog. */
import { accept, refuse } from "../../contract/errors.ts";
import { formatInstant } from "../../contract/instants.ts";
import type { SavedSearch } from "../../contract/wire/saved-searches.ts";
import type { Handlers } from "../shared/actor.ts";
import type { ObjectHost } from "../shared/host.ts";
import { first } from "../shared/sql.ts";
import { makeUuid } from "../shared/uuid.ts";

/** What a workspace can be asked about saved searches. */
export type SavedSearchOperations = {
  /** Creates, or replaces the filters of the one of that name. */
  put_saved_search: {
    command: Pick<SavedSearch, "name" | "filters">;
    answer: { search: SavedSearch; was_created: boolean };
  };
  read_saved_search: { command: { id: string }; answer: SavedSearch };
  delete_saved_search: { command: { id: string }; answer: null };
  list_saved_searches: { command: { limit: number; offset: number }; answer: SavedSearch[] };
  /** Flows without deployments are left out. */
  count_deployments_of: { command: { flow_ids: string[] }; answer: Record<string, number> };
};

type Row = Omit<SavedSearch, "filters"> & { filters: string };

const NOT_FOUND = refuse("not_found", "Saved search not found");

/** The operations of saved searches and of the dashboard's counts. */
export function handleSavedSearches(host: ObjectHost): Handlers<SavedSearchOperations> {
  const { sql } = host;
  const toSearch = (row: Row): SavedSearch => ({
    ...row,
    filters: JSON.parse(row.filters) as SavedSearch["filters"],
  });
  return {
    put_saved_search: ({ name, filters }) => {
      const before = first<Row>(sql, "SELECT * FROM saved_search WHERE name = ?", name);
      const at = formatInstant(host.now());
      const search = {
        id: before?.id ?? makeUuid(host),
        created: before?.created ?? at,
        updated: at,
        name,
        filters,
      };
      sql.all(
        `INSERT INTO saved_search (id, name, created, updated, filters) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET updated = excluded.updated, filters = excluded.filters`,
        search.id,
        name,
        search.created,
        at,
        JSON.stringify(filters),
      );
      return accept({ search, was_created: before === undefined });
    },
    read_saved_search: ({ id }) => {
      const row = first<Row>(sql, "SELECT * FROM saved_search WHERE id = ?", id);
      return row === undefined ? NOT_FOUND : accept(toSearch(row));
    },
    delete_saved_search: ({ id }) =>
      sql.all("DELETE FROM saved_search WHERE id = ? RETURNING id", id).length > 0 ? accept(null) : NOT_FOUND,
    list_saved_searches: ({ limit, offset }) => {
      const statement = "SELECT * FROM saved_search ORDER BY name LIMIT ? OFFSET ?";
      return accept(sql.all<Row>(statement, limit, offset).map(toSearch));
    },
    count_deployments_of: ({ flow_ids }) => {
      const rows = sql.all<{ flow_id: string; count: number }>(
        `SELECT flow_id, count(*) AS count FROM deployment
           WHERE flow_id IN (SELECT value FROM json_each(?)) GROUP BY flow_id`,
        JSON.stringify(flow_ids),
      );
      return accept(Object.fromEntries(rows.map(({ flow_id, count }) => [flow_id, count])));
    },
  };
}
