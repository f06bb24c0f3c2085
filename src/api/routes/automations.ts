/** Automations, of which there are none here: what Prefect's clients ask when they deploy and inspect. */
import { z } from "zod";
import { JsonObject } from "../../contract/wire/common.ts";
import { factory, fail, type ApiContext } from "../context.ts";
import { describe } from "../documents.ts";
import { body, uuidParam } from "../validation.ts";

const tag = "Automations";
const Filter = z.object({}).loose();

const refuseAutomation = () =>
  fail(
    "invalid",
    "This Sluice keeps no automations, so none can be created; leave triggers out of the deployment, or start runs by a schedule.",
  );

const failMissing = (c: ApiContext) => fail("not_found", `There is no automation ${uuidParam(c, "id")}.`);

export const automations = factory
  .createApp()
  .post(
    "/automations",
    describe({
      summary: "Create an automation; always refused.",
      tag,
      answers: {},
      refuses: ["invalid"],
    }),
    body(Filter),
    refuseAutomation,
  )
  .post(
    "/automations/filter",
    describe({ summary: "List automations.", tag, answers: { 200: z.array(JsonObject) } }),
    body(Filter),
    (c) => c.json([]),
  )
  .post(
    "/automations/count",
    describe({ summary: "Count automations.", tag, answers: { 200: z.int() } }),
    body(Filter),
    (c) => c.json(0),
  )
  .get(
    "/automations/related-to/:resource_id",
    describe({
      summary: "List the automations about a resource.",
      tag,
      answers: { 200: z.array(JsonObject) },
    }),
    (c) => c.json([]),
  )
  .delete(
    "/automations/owned-by/:resource_id",
    describe({ summary: "Delete the automations that a resource owns.", tag, answers: { 202: z.null() } }),
    (c) => c.json(null, 202),
  )
  .get(
    "/automations/:id",
    describe({
      summary: "Read an automation.",
      tag,
      answers: { 200: JsonObject },
      refuses: ["not_found"],
    }),
    (c) => failMissing(c),
  )
  .put(
    "/automations/:id",
    describe({ summary: "Replace an automation; there is none.", tag, answers: {}, refuses: ["not_found"] }),
    (c) => failMissing(c),
  )
  .patch(
    "/automations/:id",
    describe({ summary: "Change an automation; there is none.", tag, answers: {}, refuses: ["not_found"] }),
    (c) => failMissing(c),
  )
  .delete(
    "/automations/:id",
    describe({ summary: "Delete an automation; there is none.", tag, answers: {}, refuses: ["not_found"] }),
    (c) => failMissing(c),
  );
