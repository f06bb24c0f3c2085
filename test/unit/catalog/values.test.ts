import { expect, test } from "vitest";
import { findDefaultsFault, findVariablesFault } from "../../../src/domain/catalog/values.ts";

const schema = {
  type: "object",
  required: ["n", "required"],
  properties: {
    n: { type: "integer" },
    required: { type: "string" },
    nested: { type: "object", required: ["a"], properties: { a: { type: "string" } } },
  },
};

test("defaults may leave out what a run must give, at every level, but not say it wrongly", () => {
  expect(findDefaultsFault(schema, {})).toBeUndefined();
  expect(findDefaultsFault(schema, { nested: {} })).toBeUndefined();
  expect(findDefaultsFault(null, { anything: 1 })).toBeUndefined();
  expect(findDefaultsFault(schema, { n: "x" })).toMatch(/'n'/);
  expect(findDefaultsFault(schema, { required: 1 })).toMatch(/'required'/);
  expect(findDefaultsFault(schema, { nested: { a: 1 } })).toMatch(/'nested.a'/);
});

test("job variables are checked by the template's variables, except for what is a template itself", () => {
  const template = {
    job_configuration: {},
    variables: {
      type: "object",
      required: ["image"],
      properties: { image: { type: "string" }, gpus: { type: "integer" } },
    },
  };
  expect(findVariablesFault(template, { gpus: 2 })).toBeUndefined();
  expect(findVariablesFault(template, { gpus: "{{ gpus }}" })).toBeUndefined();
  expect(findVariablesFault(template, { gpus: "two" })).toMatch(/'gpus'/);
});
