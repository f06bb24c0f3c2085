/** Rendering of job templates, splitting of commands, GPUs, locks: tables. */
import { expect, test } from "vitest";
import type { JsonObject, JsonValue } from "../../src/contract/wire/common.ts";
import { splitCommand } from "../../worker-agent/command-line.ts";
import { parseGpus } from "../../worker-agent/gpus.ts";
import { TemplateError, applyValues, mergeVariables, renderJob } from "../../worker-agent/job-template.ts";
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

test("job variables of the run win over the deployment's, these over the defaults, and env is merged", async () => {
  const rendered = await renderJob(
    {
      base_job_template: template,
      deployment_variables: { command: "a", image: "i", env: { B: "deployment", C: "deployment" } },
      run_variables: { command: "b", env: { C: "run" } },
    },
    {},
    () => Promise.resolve(undefined),
  );
  expect(rendered).toEqual({
    command: "b",
    image: "i:latest",
    env: { A: "default", B: "deployment", C: "run" },
  });
});

test("merging leaves the deployment's variables as they were", () => {
  const deployment = { env: { A: "1" } };
  expect(mergeVariables(deployment, { env: { B: "2" } })).toEqual({ env: { A: "1", B: "2" } });
  expect(deployment).toEqual({ env: { A: "1" } });
  expect(mergeVariables({ env: { A: "1" } }, {})).toEqual({ env: { A: "1" } });
});

test("a pool without a template renders as a process pool does", async () => {
  const input = { base_job_template: {}, deployment_variables: { command: "x" }, run_variables: null };
  expect(await renderJob(input, {}, () => Promise.resolve(undefined))).toEqual({ command: "x" });
});

test("variables are looked up: whole ones keep their type, missing ones are empty", async () => {
  const asked: string[] = [];
  const rendered = await renderJob(
    {
      base_job_template: {},
      deployment_variables: {
        command: "run {{ prefect.variables.region }} {{ prefect.variables.none }}!",
        env: { COUNT: "{{ prefect.variables.count }}" },
      },
      run_variables: {},
    },
    {},
    (name) => {
      asked.push(name);
      return Promise.resolve({ region: "eu", count: 3 }[name]);
    },
  );
  expect(rendered).toEqual({ command: "run eu !", env: { COUNT: 3 } });
  expect(asked.sort()).toEqual(["count", "none", "region"]);
});

test.each<[string, JsonObject]>([
  ["a block placeholder", { command: "{{ prefect.blocks.secret.key }}" }],
  ["a block document", { env: { A: { $ref: { block_document_id: "1" } } } }],
])("%s is refused with a way out", async (_, deployment_variables) => {
  const input = { base_job_template: {}, deployment_variables, run_variables: {} };
  const rendering = renderJob(input, {}, () => Promise.resolve(undefined));
  await expect(rendering).rejects.toThrow(TemplateError);
  await expect(rendering).rejects.toThrow(/prefect\.variables/);
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
