/** Blocks, artifacts and inputs of runs with Prefect's own clients. */
import { expect, test } from "vitest";
import { describePrefect } from "./support/scene.ts";
import { NEWEST, OLDEST } from "./versions.ts";

for (const version of [NEWEST, OLDEST] as const)
  describePrefect(version, `Prefect ${version}`, (scene) => {
    test("blocks, artifacts and inputs are kept and read as by a Prefect server", async () => {
      const { prefect } = scene;
      expect(await prefect.ask("kept.py")).toEqual({
        blocks: {
          again: "ValueError",
          text: "second",
          record: { user: "u" },
          files: "/tmp/somewhere",
          nested: ["inner", "b"],
          inline: "inline",
          missing: "ValueError",
        },
        artifacts: { notes: "# two", progress: 50, nothing: null },
        inputs: { answered: ["REJECT", "ACCEPT"], number: 5, received: [1, 2] },
      });
      const says = async (...args: string[]) => (await prefect.cli(args)).stdout;
      expect(await says("block", "ls")).toMatch(/secret\/record[^]*secret\/text/u);
      expect(await says("block", "inspect", "secret/text")).toContain("********");
      expect(await says("block", "type", "ls")).toMatch(/local-file-system[^]*secret[^]*webhook/u);
      expect(await says("block", "create", "secret")).toContain("/blocks/catalog/secret/create");
      const register = await says("block", "register", "-m", "prefect.blocks.system");
      expect(register).toContain("Successfully registered");
      expect(await says("artifact", "ls")).toMatch(/notes[^]*progress[^]*table/u);
      expect(await says("artifact", "inspect", "notes")).toMatch(/# two[^]*# one/u);
      expect(await prefect.cli(["artifact", "delete", "notes"])).toMatchObject({
        exitCode: 0,
      });
      expect(await says("artifact", "ls")).not.toContain("notes");
      expect(await prefect.cli(["block", "delete", "secret/text"])).toMatchObject({
        exitCode: 0,
      });
      expect(await says("block", "ls")).not.toContain("secret/text");
    });
  });
