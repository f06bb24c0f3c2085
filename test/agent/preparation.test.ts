/** Rendering of job templates, splitting of commands, GPUs, locks: tables. */
import { expect, test } from "vitest";
import type { JsonObject, JsonValue } from "../../src/contract/wire/common.ts";
import { splitCommand } from "../../worker-agent/command-line.ts";
import { parseGpus } from "../../worker-agent/gpus.ts";
import { TemplateError, applyValues, mergeVariables, renderJob } from "../../worker-agent/job-template.ts";
import { References, type Lookups } from "../../worker-agent/template-references.ts";
import { LockedError, takeLock } from "../../worker-agent/lock.ts";
import { makeFolder } from "./support.ts";

const values: JsonObject = {
  n: 5,
  flag: true,
  none: null,
  text: "x",
  list: [1, "a"],
  map: { a: { b: [7] } },
};

test.each<[string, JsonValue, JsonValue | undefined]>([
  ["a whole placeholder keeps its type", "{{ n }}", 5],
  ["spaces do not matter", "{{n}}", 5],
  ["a list stays a list", "{{ list }}", [1, "a"]],
  ["a null stays a null", "{{ none }}", null],
  ["a path is followed", "{{ map.a.b[0] }}", 7],
  ["inside text a value is written out", "n={{ n }}, {{ text }}", "n=5, x"],
  ["as Python writes it", "{{ flag }}/{{ none }}", "True/None"],
  ["a missing one inside text is nothing", "a{{ missing }}b", "ab"],
  ["a missing whole one is removed", "{{ missing }}", undefined],
  ["with its key", { keep: 1, gone: "{{ missing }}" }, { keep: 1 }],
  ["and from its list", ["a", "{{ missing }}"], ["a"]],
  ["a name from Object's prototype is missing, too", "{{ toString }}", undefined],
  ["the environment is read by $", "{{ $HOME_DIR }}", "/home/me"],
  ["variables wait for their lookup", "{{ prefect.variables.v }}", "{{ prefect.variables.v }}"],
  ["plain values pass", 5, 5],
  ["braces without a name pass", "{{ }} {x}", "{{ }} {x}"],
])("%s", (_, template, expected) => {
  expect(applyValues(template, values, { HOME_DIR: "/home/me" })).toEqual(expected);
});

const template: JsonObject = {
  job_configuration: {
    command: "{{ command }}",
    env: "{{ env }}",
    working_dir: "{{ working_dir }}",
    image: "{{ image }}:{{ tag }}",
  },
  variables: {
    properties: {
      command: { default: null },
      env: { type: "object", default: { A: "default", B: "default" } },
      tag: { default: "latest" },
      image: {},
    },
  },
};

test("job variables of the run win over the deployment's, these over the defaults, and env is merged", () => {
  const rendered = renderJob(
    {
      base_job_template: template,
      deployment_variables: { command: "a", image: "i", env: { B: "deployment", C: "deployment" } },
      run_variables: { command: "b", env: { C: "run" } },
    },
    {},
  );
  expect(rendered).toEqual({
    command: "b",
    image: "i:latest",
    env: { A: "default", B: "deployment", C: "run" },
  });
});

test("the template's own env stays below the defaults", () => {
  const base_job_template = {
    job_configuration: { env: { A: "template", OWN: "{{ tag }}" } },
    variables: { properties: { env: { default: { A: "default" } }, tag: { default: "t" } } },
  };
  const input = { base_job_template, deployment_variables: { env: { B: "deployment" } }, run_variables: {} };
  expect(renderJob(input, {})).toEqual({ env: { A: "default", OWN: "t", B: "deployment" } });
});

test("a key with dots names a place further in, below what is written out", () => {
  const variables: JsonObject = {
    "env.A": "dotted",
    "env.B": "dotted",
    env: { B: "written out" },
    "__proto__.x": 1,
  };
  const input = { base_job_template: {}, deployment_variables: variables, run_variables: {} };
  expect(renderJob(input, {})).toEqual({ env: { A: "dotted", B: "written out" } });
  expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
});

test("a default of null is none", () => {
  const base_job_template = {
    job_configuration: { command: "{{ command }}", image: "a{{ command }}b" },
    variables: { properties: { command: { default: null } } },
  };
  const input = { base_job_template, deployment_variables: {}, run_variables: {} };
  expect(renderJob(input, {})).toEqual({ image: "ab" });
});

test("merging leaves the deployment's variables as they were", () => {
  const deployment = { env: { A: "1" } };
  expect(mergeVariables(deployment, { env: { B: "2" } })).toEqual({ env: { A: "1", B: "2" } });
  expect(deployment).toEqual({ env: { A: "1" } });
  expect(mergeVariables({ env: { A: "1" } }, {})).toEqual({ env: { A: "1" } });
});

test("a pool without a template renders as a process pool does", () => {
  const input = { base_job_template: {}, deployment_variables: { command: "x" }, run_variables: null };
  expect(renderJob(input, {})).toEqual({ command: "x" });
});

const BLOCKS: Record<string, JsonObject> = {
  "secret/key": { value: 's3cr"t' },
  "json/map": { value: { key: { "nested-key": "deep" }, list: [{ "list-key": "item" }, 1] } },
  "aws/creds": { region: "eu", values: 2, options: { a: 1 } },
  "1234": { path: "/data" },
};

function makeLookups(): Lookups & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    readVariable: (name) => {
      asked.push(name);
      return Promise.resolve({ region: "eu", count: 3, on: true }[name]);
    },
    readBlock: (reference) => {
      const key = "id" in reference ? reference.id : `${reference.slug}/${reference.name}`;
      asked.push(key);
      return Promise.resolve(BLOCKS[key]);
    },
  };
}

test("variables are looked up once: whole ones keep their type, missing ones are empty", async () => {
  const lookups = makeLookups();
  const resolved = await new References(lookups).resolve({
    command: "run {{ prefect.variables.region }} {{ prefect.variables.none }}!",
    env: {
      COUNT: "{{ prefect.variables.count }}",
      ON: "{{prefect.variables.on}}/{{prefect.variables.region}}",
    },
  });
  expect(resolved).toEqual({ command: "run eu !", env: { COUNT: 3, ON: "True/eu" } });
  expect(lookups.asked.toSorted()).toEqual(["count", "none", "on", "region"]);
});

test.each<[string, JsonValue, JsonValue]>([
  ["a block of one value is that value", "{{ prefect.blocks.secret.key }}", 's3cr"t'],
  ["which may be named", "{{ prefect.blocks.secret.key.value }}", 's3cr"t'],
  ["also within a text", "a/{{ prefect.blocks.secret.key }}/b", 'a/s3cr"t/b'],
  ["a path leads into it", "{{ prefect.blocks.json.map.value.key.nested-key }}", "deep"],
  ["with or without the value's name", "{{ prefect.blocks.json.map.key }}", { "nested-key": "deep" }],
  ["and into lists", "{{ prefect.blocks.json.map.value.list[0].list-key }}", "item"],
  [
    "other blocks are all their fields",
    "{{ prefect.blocks.aws.creds }}",
    { region: "eu", values: 2, options: { a: 1 } },
  ],
  ["or one of them", "{{ prefect.blocks.aws.creds.values }}", 2],
  [
    "a reference by id is the block's data",
    { x: [{ $ref: { block_document_id: "1234" } }] },
    { x: [{ path: "/data" }] },
  ],
  [
    "blocks and variables stand side by side",
    "{{ prefect.blocks.aws.creds.region }}-{{ prefect.variables.count }}",
    "eu-3",
  ],
])("%s", async (_, text, expected) => {
  const lookups = makeLookups();
  expect(await new References(lookups).resolve({ text, again: text })).toEqual({
    text: expected,
    again: expected,
  });
  expect(new Set(lookups.asked).size).toBe(lookups.asked.length);
});

test.each<[string, JsonValue, RegExp]>([
  [
    "a block that is not there",
    "{{ prefect.blocks.secret.none }}",
    /^There is no block with the name none and the type secret, /,
  ],
  ["an id that is not there", { $ref: { block_document_id: "99" } }, /^There is no block with the id 99, /],
  [
    "a field that is not there",
    "{{ prefect.blocks.aws.creds.token }}",
    /^The block aws\/creds has no token, /,
  ],
  ["a field of a text", "{{ prefect.blocks.secret.key.x }}", /^The block secret\/key has no x, /],
  ["an object within a text", "x{{ prefect.blocks.aws.creds.options }}", /gives an object or a list/],
  ["no name", "{{ prefect.blocks.secret }}", /names no block; the form is/],
])("%s is refused with a sentence", async (_, text, sentence) => {
  const resolving = new References(makeLookups()).resolve([text]);
  await expect(resolving).rejects.toThrow(TemplateError);
  await expect(resolving).rejects.toThrow(sentence);
});

test("messages tell nothing that came from a block", async () => {
  const references = new References(makeLookups());
  await references.resolve(["{{ prefect.blocks.secret.key }}", "{{ prefect.blocks.aws.creds.region }}"]);
  expect(references.redact(`${JSON.stringify('s3cr"t')} not found in s3cr"t, eu`)).toBe(
    '"********" not found in ********, ********',
  );
});

test.each([
  ["node flow.ts", ["node", "flow.ts"]],
  ["  a   b\tc ", ["a", "b", "c"]],
  [`sh -c 'echo "hi" $X'`, ["sh", "-c", 'echo "hi" $X']],
  [String.raw`a\ b "c \" \n" ''`, ["a b", String.raw`c " \n`, ""]],
  [`x'y'"z"`, ["xyz"]],
  ["", []],
])("splits %j", (command, words) => {
  expect(splitCommand(command)).toEqual(words);
});

test.each(["'open", '"open', "end\\"])("refuses %j", (command) => {
  expect(() => splitCommand(command)).toThrow();
});

test("reads the GPUs that nvidia-smi lists", () => {
  const output =
    "GPU-5f3c, NVIDIA H100 80GB HBM3, 81559\nGPU-77aa, NVIDIA A10, 23028\n\nNo devices were found\n";
  expect(parseGpus(output)).toEqual([
    { id: "GPU-5f3c", name: "NVIDIA H100 80GB HBM3", memory_mib: 81559 },
    { id: "GPU-77aa", name: "NVIDIA A10", memory_mib: 23028 },
  ]);
});

test("a folder's lock is given once, and again after it was given back", () => {
  const folder = makeFolder();
  const giveBack = takeLock(folder);
  expect(() => takeLock(folder)).toThrow(LockedError);
  giveBack();
  takeLock(folder)();
});
