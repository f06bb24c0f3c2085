/** `/saved_searches`. */
import { z } from "zod";
import { addressOfWorkspace } from "../../contract/envelope.ts";
import {
  SavedSearch,
  SavedSearchCreate,
  SavedSearchesFilterBody,
} from "../../contract/wire/saved-searches.ts";
import { call, factory, type ApiContext } from "../context.ts";
import { describeResource } from "../describe.ts";
import { body, uuidParam } from "../validation.ts";

const describe = describeResource("Saved searches");
const workspace = (c: ApiContext) => addressOfWorkspace(c.get("workspace"));

export const savedSearches = factory
  .createApp()
  .put(
    "/",
    describe("Save a search, or replace the one of that name", 201, SavedSearch),
    body(SavedSearchCreate),
    async (c) => {
      const { name, filters } = c.req.valid("json");
      const command = { name, filters: filters ?? [] };
      const { search, was_created } = await call(c, workspace(c), "put_saved_search", command);
      return c.json(search, was_created ? 201 : 200);
    },
  )
  .post(
    "/filter",
    describe("List saved searches", 200, z.array(SavedSearch)),
    body(SavedSearchesFilterBody),
    async (c) => c.json(await call(c, workspace(c), "list_saved_searches", c.req.valid("json"))),
  )
  .get("/:id", describe("Read a saved search", 200, SavedSearch), async (c) =>
    c.json(await call(c, workspace(c), "read_saved_search", { id: uuidParam(c, "id") })),
  )
  .delete("/:id", describe("Delete a saved search", 204), async (c) => {
    await call(c, workspace(c), "delete_saved_search", { id: uuidParam(c, "id") });
    return c.body(null, 204);
  });
