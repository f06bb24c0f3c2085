import { expect, test } from "vitest";
import { readProfiles } from "../../../src/cli/config/profiles.ts";

test("a profile file that cannot be read says what to do", async () => {
  await expect(readProfiles(`${import.meta.filename}/profiles.json`)).rejects.toThrow(
    /cannot be read .*; set SLUICE_HOME or SLUICE_PROFILES_PATH to another place\.$/,
  );
});
