/** Deployments in a real browser: found, run by their form with a real worker, their schedules switched. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { findBarriers, open } from "./browser.ts";
import { POOL, shown, useStage } from "./stage.ts";

const stage = useStage();

const SCHEMA = {
  type: "object",
  required: ["image", "model"],
  properties: {
    image: { type: "string", title: "image", position: 0 },
    model: { $ref: "#/definitions/Model", title: "model", position: 1 },
    steps: { type: "integer", title: "steps", default: 20, maximum: 100, position: 2 },
    options: { $ref: "#/definitions/Options", title: "options", default: { depth: 1 }, position: 3 },
  },
  definitions: {
    Model: { enum: ["small", "large"], type: "string" },
    Options: { type: "object", properties: { depth: { type: "integer" } }, required: ["depth"] },
  },
};

let made = 0;
async function deploy(name: string, more: object = {}): Promise<string> {
  made += 1;
  if (made === 1) await stage.ask("POST", "/work_pools/", { name: POOL, type: "process" });
  const flow = await stage.ask<{ id: string }>("POST", "/flows/", { name: "pipeline" });
  const { id } = await stage.ask<{ id: string }>("POST", "/deployments/", {
    name,
    flow_id: flow.id,
    work_pool_name: POOL,
    job_variables: { command: "echo downloaded" },
    ...more,
  });
  return id;
}

const heading = (page: Page) => () => page.getByRole("heading", { level: 1 }).textContent();

test("without any it says how to make one", async () => {
  const page = await open(`${stage.url}/deployments`);
  await shown(() => page.getByText("There is no deployment yet").count()).toBe(1);
  await page.getByRole("button", { name: "Copy sluice deploy --all" }).waitFor();
  expect(await findBarriers(page)).toEqual([]);
});

test("a deployment is run by its form, faults are said at their fields, and its run is seen to complete", async () => {
  const id = await deploy("infer", {
    parameter_openapi_schema: SCHEMA,
    enforce_parameter_schema: true,
    parameters: { image: "1.png" },
  });
  stage.startWorker("gpu-1");
  const page = await open(`${stage.url}/deployments/deployment/${id}`);
  await page.getByRole("link", { name: "Run it" }).click();
  await shown(heading(page)).toBe("Run infer");
  const fault = (name: string) => page.locator(".field", { hasText: name }).locator(".fault").textContent();
  expect(await page.getByLabel("image").inputValue()).toBe("1.png");

  // What is not even of its kind never leaves the browser.
  await page.getByLabel("steps").fill("many");
  await page.getByLabel("options").fill("{");
  await page.getByRole("button", { name: "Run it now" }).click();
  await shown(() => fault("steps")).toBe("This must be a whole number.");
  expect(await fault("options")).toContain("This is not JSON");
  expect(await fault("model")).toBe("This is needed.");
  expect(await page.evaluate("document.activeElement.getAttribute('aria-invalid')")).toBe("true");
  expect(await findBarriers(page)).toEqual([]);

  // The rest is the server's to say.
  await page.getByLabel("steps").fill("1000");
  await page.getByLabel("options").fill('{"depth": "deep"}');
  await page.getByLabel("model").selectOption("large");
  await page.getByRole("button", { name: "Run it now" }).click();
  await shown(() => fault("steps")).toContain("1000");
  expect(await fault("options")).toContain("depth: ");
  expect(await fault("model")).toBe("");

  await page.getByLabel("steps").fill("5");
  await page.getByLabel("options").fill('{"depth": 3}');
  await page.getByLabel("Name", { exact: true }).fill("by-hand");
  await page.getByLabel("Tags").fill("mine, yours");
  await page.getByLabel("Job variables").press("Control+Enter");
  await page.getByRole("button", { name: "Run it now" }).press("Enter");
  await shown(heading(page)).toBe("by-hand");
  await shown(() => page.locator(".badge").first().textContent()).toBe("Completed");
  const run = await stage.ask("GET", `/flow_runs/${page.url().split("/").at(-1)}`);
  expect(run).toMatchObject({
    parameters: { image: "1.png", model: "large", steps: 5, options: { depth: 3 } },
    tags: ["mine", "yours"],
  });
}, 120_000);

test("a parameter that may be null is null where it is left empty, and the field says so", async () => {
  const orNull = (type: string) => ({ anyOf: [{ type }, { type: "null" }] });
  const id = await deploy("nullable", {
    parameters: { mode: null },
    enforce_parameter_schema: true,
    parameter_openapi_schema: {
      type: "object",
      required: ["level", "is_dry"],
      properties: {
        level: orNull("integer"),
        is_dry: orNull("boolean"),
        mode: { ...orNull("string"), default: "usual" },
      },
    },
  });
  const page = await open(`${stage.url}/deployments/deployment/${id}/run`);
  const hint = (name: string) => page.locator(".field", { hasText: name }).locator(".hint").textContent();
  await shown(() => hint("level")).toBe("integer or null · left empty, it is null");
  expect(await page.getByLabel("is_dry").locator(":checked").textContent()).toBe("null");
  expect(await page.getByLabel("mode").inputValue()).toBe("");
  await page.getByLabel("mode").fill("usual");
  expect(await hint("mode")).toContain("otherwise null");
  await page.getByRole("button", { name: "Run it now" }).click();
  await shown(() => page.url()).toContain("/runs/flow-run/");
  expect(await stage.ask("GET", `/flow_runs/${page.url().split("/").at(-1)}`)).toMatchObject({
    parameters: { level: null, is_dry: null, mode: "usual" },
  });
});

test("choices that are no text are shown as JSON", async () => {
  const size = { enum: [{ width: 2 }, [1, 2], 3, "large"] };
  const id = await deploy("choices", {
    parameter_openapi_schema: { type: "object", required: ["size"], properties: { size } },
  });
  const page = await open(`${stage.url}/deployments/deployment/${id}/run`);
  const choices = page.getByLabel("size").getByRole("option");
  await shown(() => choices.allTextContents()).toEqual(["choose …", '{"width":2}', "[1,2]", "3", "large"]);
});

test("what is secret of parameters is shown on no page, and is no part of the acts that are listed", async () => {
  const secret = { type: "string", format: "password", writeOnly: true };
  const id = await deploy("secretive", {
    parameter_openapi_schema: {
      type: "object",
      properties: {
        login: { $ref: "#/definitions/Login", position: 0, default: { user: "ann", key: "s3cret-1" } },
        token: { ...secret, position: 1, default: "s3cret-2" },
      },
      definitions: { Login: { type: "object", properties: { user: { type: "string" }, key: secret } } },
    },
    schedules: [
      { schedule: { cron: "0 6 * * *", timezone: "UTC" }, active: false, parameters: { token: "s3cret-3" } },
    ],
  });
  const page = await open(`${stage.url}/deployments/deployment/${id}/run`, {
    isAllowed: (fault) => /404/.test(fault),
  });
  const seen = () => page.locator("main").innerText();
  await page.getByLabel("token").fill("s3cret-4");
  await page.getByLabel("login").fill('{"user": "bob", "key": "s3cret-5"}');
  await shown(seen).toContain('otherwise {"user":"ann","key":"•••"}');
  expect(await seen()).toContain('otherwise "•••"');
  expect(await seen()).not.toContain("s3cret");
  await page.getByRole("button", { name: "Run it now" }).click();
  await shown(() => page.url()).toContain("/runs/flow-run/");
  const run = page.url();
  await shown(() => page.locator("main pre").last().textContent()).toContain('"key": "•••"');
  expect(await seen()).toContain('"user": "bob"');
  expect(await seen()).not.toContain("s3cret");
  // Programs get all of it.
  expect(await stage.ask("GET", `/flow_runs/${run.split("/").at(-1)}`)).toMatchObject({
    parameters: { token: "s3cret-4", login: { key: "s3cret-5" } },
  });

  await page.goto(`${stage.url}/deployments/deployment/${id}`);
  await shown(seen).toContain("parameters login token");
  expect(await seen()).toContain('with {"token":"•••"}');
  expect(await seen()).not.toContain("s3cret");
  expect(JSON.stringify(await stage.ask("GET", `/audit?target=${id}`))).not.toContain("s3cret");

  // Without the deployment nobody knows what is secret.
  const runId = run.split("/").at(-1);
  await stage.ask("POST", `/flow_runs/${runId}/set_state`, { state: { type: "COMPLETED" }, force: true });
  await stage.ask("DELETE", `/deployments/${id}`);
  await page.goto(run);
  await shown(seen).toContain("is gone: these are their names");
  expect(await page.locator("main pre").last().textContent()).toBe('[\n  "login",\n  "token"\n]');
});

test("text and secrets of several lines keep them, typed or pasted", async () => {
  const properties = {
    note: { type: "string", default: "line one\nline two", position: 0 },
    key: { type: "string", format: "password", position: 1 },
    prompt: { type: "string", default: "a", position: 2 },
  };
  const id = await deploy("lines", { parameter_openapi_schema: { type: "object", properties } });
  const page = await open(`${stage.url}/deployments/deployment/${id}/run`);
  const valueOf = (name: string) => page.getByLabel(name).inputValue();
  await shown(() => valueOf("note")).toBe("line one\nline two");
  await page.getByLabel("note").press("Control+Home");
  await page.getByLabel("note").pressSequentially("begin");
  await page.getByLabel("note").press("Enter");
  expect(await valueOf("note")).toBe("begin\nline one\nline two");
  await page.getByLabel("note").press("Control+A");
  await page.getByLabel("note").press("Control+C");
  for (const name of ["key", "prompt"]) {
    await page.getByLabel(name).press("End");
    await page.getByLabel(name).press("Control+V");
    await shown(() => page.evaluate("document.activeElement.tagName")).toBe("TEXTAREA");
    // Typing goes on where the paste ended.
    await page.keyboard.type("!");
  }
  expect(await valueOf("prompt")).toBe("abegin\nline one\nline two!");
  expect(
    await page.evaluate("getComputedStyle(document.querySelector('textarea.secret')).webkitTextSecurity"),
  ).toBe("disc");
  expect(await findBarriers(page)).toEqual([]);
  await page.getByLabel("Name", { exact: true }).press("Enter");
  await shown(() => page.url()).toContain("/runs/flow-run/");
  expect(await stage.ask("GET", `/flow_runs/${page.url().split("/").at(-1)}`)).toMatchObject({
    parameters: {
      note: "begin\nline one\nline two",
      key: "begin\nline one\nline two!",
      prompt: "abegin\nline one\nline two!",
    },
  });
});

test("parameters may be called as what every object has", async () => {
  const properties = { constructor: { type: "string", default: "a" }, toString: { type: "string" } };
  const id = await deploy("named-oddly", { parameter_openapi_schema: { type: "object", properties } });
  const page = await open(`${stage.url}/deployments/deployment/${id}/run`);
  await shown(() => page.getByLabel("constructor").inputValue()).toBe("a");
  await page.getByLabel("toString").fill("b");
  const sent = page.waitForRequest("**/create_flow_run");
  await page.getByRole("button", { name: "Run it now" }).click();
  expect((await sent).postDataJSON()).toMatchObject({ parameters: { toString: "b" } });
  await shown(() => page.url()).toContain("/runs/flow-run/");
});

test("asked for once more, because the answer was lost, a run is made once", async () => {
  const id = await deploy("twice");
  const page = await open(`${stage.url}/deployments/deployment/${id}/run`, {
    isAllowed: (fault) => /ERR_FAILED|Failed to load/.test(fault),
  });
  await page.route(
    "**/create_flow_run",
    async (route) => {
      await route.fetch();
      await route.abort();
    },
    { times: 1 },
  );
  const press = () => page.getByRole("button", { name: "Run it now" }).click();
  await press();
  await shown(() => page.locator(".fault-box .fault").count()).toBe(1);
  await press();
  await shown(() => page.url()).toContain("/runs/flow-run/");
  expect(await stage.ask<number>("POST", "/flow_runs/count", { deployments: { id: { any_: [id] } } })).toBe(
    1,
  );
});

test("a refused name is said at its field, and a run can be left for later", async () => {
  const id = await deploy("later");
  const page = await open(`${stage.url}/deployments/deployment/${id}/run`, {
    isAllowed: (fault) => /422/.test(fault),
  });
  await page.getByLabel("Name", { exact: true }).fill("a/b");
  await page.getByRole("button", { name: "Run it now" }).click();
  const fault = page.locator(".field", { hasText: "Name" }).locator(".fault");
  await shown(() => fault.textContent()).toContain("must not contain");
  await page.getByLabel("Name", { exact: true }).fill("next-year");
  await page.getByLabel("Start").fill("2099-01-02T03:04");
  await page.getByRole("button", { name: "Schedule the run" }).click();
  await shown(heading(page)).toBe("next-year");
  await shown(() => page.locator(".badge").first().textContent()).toBe("Scheduled");
});

test("a schedule is switched without a question, and says when it runs or would run", async () => {
  const schedule = { cron: "0 6 * * *", timezone: "UTC" };
  const id = await deploy("nightly", { schedules: [{ schedule, active: false }] });
  const page = await open(`${stage.url}/deployments/deployment/${id}`);
  // The last acts below tell of the schedule, too.
  const row = page.getByRole("row", { name: /cron 0 6/ }).filter({ has: page.getByRole("switch") });
  await shown(() => row.textContent()).toContain("would run in");
  const upcoming = () => page.getByText("Scheduled", { exact: true }).count();
  expect(await upcoming()).toBe(0);
  await page.getByRole("switch").press("Space");
  await shown(() => row.textContent()).toContain("onruns in");
  await shown(upcoming).toBeGreaterThan(1);
  expect(await findBarriers(page)).toEqual([]);
  await page.getByRole("switch").click();
  await shown(upcoming).toBe(0);
  // A deployment that is paused makes no runs, whatever its schedules.
  await page.getByRole("switch").click();
  await shown(upcoming).toBeGreaterThan(1);
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("button", { name: "Pause it" }).click();
  await shown(() => page.locator(".status").first().textContent()).toBe("paused");
  await shown(upcoming).toBe(0);
  await shown(() => row.textContent()).toContain("would run in");
});

test("deployments are found by name and tag, page by page, and the URL says what is shown", async () => {
  for (let index = 0; index < 30; index += 1)
    await deploy(`many-${index}`, { tags: index % 2 === 0 ? ["even"] : [] });
  const page = await open(`${stage.url}/deployments`);
  const rows = () => page.locator("tbody tr").count();
  await page.getByLabel("Find").fill("many");
  await shown(rows).toBe(25);
  await page.locator(".pager").getByRole("button", { name: "More" }).click();
  await shown(rows).toBe(5);
  expect(page.url()).toContain("search=many&page=2");
  await page.goBack();
  await shown(rows).toBe(25);
  await page.goto(`${stage.url}/deployments?search=many&tag=even`);
  await shown(rows).toBe(15);
  await page.getByRole("button", { name: "tag even, remove" }).click();
  await shown(rows).toBe(25);
  await page.getByLabel("Find").fill("nothing is called so");
  await shown(() => page.getByText("Nothing is found").count()).toBe(1);
});
