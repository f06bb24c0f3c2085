/** What a dialog says of its act, to everybody, in a real browser. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { findBarriers, open } from "./browser.ts";
import { shown, useStage } from "./stage.ts";

const LIMIT = "/v2/concurrency_limits/devices";

const stage = useStage();

interface Heard {
  ignored: boolean;
  name?: { value: string };
}

/** All that assistive technology gets of a page: what a dialog makes inert is not in it. */
async function hear(page: Page): Promise<string> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = (await session.send("Accessibility.getFullAXTree")) as { nodes: Heard[] };
  await session.detach();
  return nodes.flatMap(({ ignored, name }) => (ignored ? [] : (name?.value ?? ""))).join("\n");
}

test("a dialog says why its act was refused, is there for another try, and the page says when that worked", async () => {
  await stage.ask("POST", "/v2/concurrency_limits/", { name: "devices", limit: 2, slot_names: ["a", "b"] });
  const page = await open(`${stage.url}/limits/devices`, { isAllowed: (fault) => fault.includes("422") });
  await page.getByRole("button", { name: "Resize" }).click();
  const dialog = page.locator("dialog[open]");
  const submit = dialog.locator("button[type=submit]");
  const names = page.getByRole("textbox");
  await names.fill("n".repeat(300));
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await shown(() => dialog.getByRole("alert").textContent()).toMatch(/^slot_names\.0: /);
  expect(await hear(page)).toContain("slot_names.0: ");
  await shown(() => page.locator(":focus").textContent()).toBe("Set these 1");
  expect(await findBarriers(page)).toEqual([]);

  // What cannot be is not even asked.
  for (const [text, fault] of [
    ["a\nc\na", "a stands there twice."],
    [" \n", "It takes a name at least."],
  ] as const) {
    await names.fill(text);
    await submit.click();
    expect(
      await names.evaluate(({ validationMessage }: { validationMessage: string }) => validationMessage),
    ).toBe(fault);
    expect(await dialog.locator(".preview").textContent()).toContain(fault);
  }
  expect(await stage.ask("GET", LIMIT)).toMatchObject({ slot_names: ["a", "b"] });

  await names.fill("a\nb\nc");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await shown(() => dialog.count()).toBe(0);
  await shown(() => hear(page)).toContain("devices: 3 from now on.");
  expect(await stage.ask("GET", LIMIT)).toMatchObject({ slot_names: ["a", "b", "c"] });
  // What had the focus has it again.
  expect(await page.locator(":focus").textContent()).toBe("Resize");
});

test("once the row of what was done is gone the page has the focus", async () => {
  await stage.ask("POST", "/v2/concurrency_limits/", { name: "licences", limit: 1 });
  await stage.ask("POST", "/v2/concurrency_limits/acquire", {
    names: ["licences"],
    request_id: "first",
    slots: 1,
  });
  const page = await open(`${stage.url}/limits/licences`);
  await page.getByRole("button", { name: "Take away" }).press("Enter");
  await page.locator("dialog[open] button[type=submit]").press("Enter");
  await shown(() => page.getByRole("button", { name: "Take away" }).count()).toBe(0);
  await shown(() => page.evaluate("document.activeElement.id")).toBe("page");
});
