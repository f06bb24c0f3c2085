/** The catalogue of worker types, which `work-pool create` reads. */
import { JsonObject } from "../../contract/wire/common.ts";
import { WORKER_CATALOGUE } from "../../contract/process-template.ts";
import { factory, fail } from "../context.ts";
import { describe } from "../documents.ts";

const VIEWS: Readonly<Record<string, JsonObject>> = {
  "aggregate-worker-metadata": WORKER_CATALOGUE,
  "aggregate-flow-metadata": {},
  "aggregate-block-metadata": {},
};

export const collections = factory.createApp().get(
  "/collections/views/:view",
  describe({
    summary: "Read a view of what there is to choose from.",
    tag: "Collections",
    answers: { 200: JsonObject },
    refuses: ["not_found"],
  }),
  (c) => {
    const view = c.req.param("view");
    const content = Object.hasOwn(VIEWS, view) ? VIEWS[view] : undefined;
    return content === undefined ? fail("not_found", `There is no view ${view}.`) : c.json(content);
  },
);
