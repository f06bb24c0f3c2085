import { describe, expect, test } from "vitest";
import { ValueFault } from "../../../src/cli/framework/parameters.ts";
import {
  parseApiUrl,
  parseDecimal,
  parseDeploymentRef,
  parseIdText,
  parseInstantText,
  parseJsonObject,
  parseKeyValue,
  parseName,
  parseSeconds,
  parseStartText,
  wholeNumber,
} from "../../../src/cli/framework/values.ts";

const UUID = "01993a5c-7b1e-7777-8000-0123456789ab";

describe("what people type", () => {
  test.each<[string, (text: string) => unknown, string, unknown]>([
    ["whole number", wholeNumber(), "12", 12],
    ["whole number of zero", wholeNumber(), "0", 0],
    ["decimal", parseDecimal, "0.5", 0.5],
    ["decimal without a zero", parseDecimal, ".5", 0.5],
    ["name with a colon", parseName, "gpu:gpu-1", "gpu:gpu-1"],
    ["name in another script", parseName, "画像", "画像"],
    ["id", parseIdText, UUID.toUpperCase(), UUID],
    ["deployment", parseDeploymentRef, "flow/name", "flow/name"],
    ["deployment by id", parseDeploymentRef, UUID, UUID],
    ["parameter as number", parseKeyValue, "image_id=7", { key: "image_id", value: 7 }],
    ["parameter as text", parseKeyValue, "path=a=b", { key: "path", value: "a=b" }],
    ["parameter as JSON", parseKeyValue, 'size={"w": [1]}', { key: "size", value: { w: [1] } }],
    ["parameter as quoted text", parseKeyValue, 'n="7"', { key: "n", value: "7" }],
    ["empty parameter", parseKeyValue, "n=", { key: "n", value: "" }],
    ["JSON object", parseJsonObject, '{"a": null}', { a: null }],
    ["seconds", parseSeconds, "90", 90],
    ["seconds with a unit", parseSeconds, "1h30m", 5400],
    ["seconds in words", parseSeconds, "in 2 days", 172_800],
    ["seconds with decimals", parseSeconds, "1.5m", 90],
    ["instant", parseInstantText, "2030-01-31T08:00:00Z", "2030-01-31T08:00:00.000Z"],
    ["instant with an offset", parseInstantText, "2030-01-31 08:00+01:00", "2030-01-31T07:00:00.000Z"],
    ["URL", parseApiUrl, "http://127.0.0.1:4200/api/", "http://127.0.0.1:4200/api"],
    ["URL of a host alone", parseApiUrl, "http://gpu-head:4200", "http://gpu-head:4200/api"],
    ["URL behind a prefix", parseApiUrl, "https://x.example/sluice/api", "https://x.example/sluice/api"],
  ])("%s", (_name, parse, text, value) => {
    expect(parse(text)).toEqual(value);
  });

  test.each<[string, (text: string) => unknown, string]>([
    ["a whole number from 0 to 1000000", wholeNumber(), "-1"],
    ["a whole number from 0 to 1000000", wholeNumber(), "1.5"],
    ["a whole number from 0 to 1000000", wholeNumber(), "1e3"],
    ["a whole number from 0 to 1000000", wholeNumber(), ""],
    ["a whole number from 0 to 1000000", wholeNumber(), "1000001"],
    ["a whole number from 1 to 5", wholeNumber({ min: 1, max: 5 }), "0"],
    ["a number, 0 or more", parseDecimal, "-0.1"],
    ["a number, 0 or more", parseDecimal, "NaN"],
    ["a name of 1 to 255 characters", parseName, ""],
    ["a name of 1 to 255 characters", parseName, "x".repeat(256)],
    ["a name without any of the characters / % & > <", parseName, "a/b"],
    ["the form FLOW/DEPLOYMENT, or an id", parseDeploymentRef, "flow"],
    ["the form FLOW/DEPLOYMENT, or an id", parseDeploymentRef, "a/b/c"],
    ["the form KEY=VALUE", parseKeyValue, "=7"],
    ["the form KEY=VALUE", parseKeyValue, "image_id"],
    ['a JSON object like {"key": "value"}', parseJsonObject, "[1]"],
    ["a stretch of time like 90s, 5m, 1h30m or 2 days", parseSeconds, "soon"],
    ["a stretch of time like 90s, 5m, 1h30m or 2 days", parseSeconds, "5 parsecs"],
    ["a stretch of time like 90s, 5m, 1h30m or 2 days", parseSeconds, "5m and more"],
    ["a time like 2030-01-31T08:00:00Z or 2030-01-31 08:00", parseInstantText, "tomorrow"],
    ["a time like 2030-01-31T08:00:00Z or 2030-01-31 08:00", parseInstantText, "2030-13-01"],
    ["a time like 2030-01-31T08:00:00Z or 2030-01-31 08:00", parseInstantText, "2030-02-29 08:00"],
    ["an address like http://127.0.0.1:4200/api", parseApiUrl, "gpu head"],
    ["an address that begins with http:// or https://", parseApiUrl, "ftp://x/api"],
  ])("wants %s", (wanted, parse, text) => {
    expect(() => parse(text)).toThrow(new ValueFault(wanted));
  });
});

describe("when something is to start", () => {
  const now = new Date(2026, 10, 22, 12, 0, 0);
  test.each([
    ["17:30", new Date(2026, 10, 22, 17, 30)],
    ["at 5:30pm", new Date(2026, 10, 22, 17, 30)],
    ["8am", new Date(2026, 10, 23, 8, 0)],
    ["12am", new Date(2026, 10, 23, 0, 0)],
    ["12:00:01 pm", new Date(2026, 10, 22, 12, 0, 1)],
    ["tomorrow at 17:30", new Date(2026, 10, 23, 17, 30)],
    ["today at 8:00", new Date(2026, 10, 22, 8, 0)],
    ["at 2030-08-01 17:30", new Date(2030, 7, 1, 17, 30)],
  ])("%s", (text, wanted) => {
    expect(parseStartText(text, now)).toBe(wanted.toISOString());
  });
  test.each(["17", "25:00", "13pm", "17:60", "soon"])("not %s", (text) => {
    expect(() => parseStartText(text, now)).toThrow(ValueFault);
  });
});
