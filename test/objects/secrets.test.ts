import { expect, test } from "vitest";
import { Vault } from "../../src/api/secrets.ts";

const vault = (key?: string, old?: string) =>
  new Vault({
    ...(key !== undefined && { SLUICE_SECRETS_KEY: key }),
    ...(old !== undefined && { SLUICE_SECRETS_OLD_KEYS: old }),
  });
const FIRST = "the first key of them all";
const SECOND = "the second key of them all";

test("a secret opens where it was sealed, and only there", async () => {
  const sealed = await vault(FIRST).seal("pässword", "here");
  expect(sealed).not.toContain("ssword");
  expect(await vault(FIRST).seal("pässword", "here")).not.toBe(sealed);
  expect(await vault(FIRST).unseal(sealed, "here")).toBe("pässword");
  await expect(vault(FIRST).unseal(sealed, "there")).rejects.toThrow(/damaged/);
  await expect(vault(FIRST).unseal(`${sealed.slice(0, -6)}AAAAA=`, "here")).rejects.toThrow(/damaged/);
});

test("a key that was replaced still opens what it sealed, as long as it is named", async () => {
  const sealed = await vault(FIRST).seal("text", "here");
  expect(await vault(`${FIRST}\n`).unseal(sealed, "here")).toBe("text");
  expect(await vault(SECOND, `other, ${FIRST}`).unseal(sealed, "here")).toBe("text");
  await expect(vault(SECOND).unseal(sealed, "here")).rejects.toThrow(/SLUICE_SECRETS_OLD_KEYS/);
  await expect(vault().unseal(sealed, "here")).rejects.toThrow(/SLUICE_SECRETS_OLD_KEYS/);
});

test("without a key, or with one that can be guessed, nothing is sealed", async () => {
  await expect(vault().seal("text", "here")).rejects.toThrow(/wrangler secret put SLUICE_SECRETS_KEY/);
  await expect(vault("short").seal("text", "here")).rejects.toThrow(/at least 16 characters/);
});
