import { expect, test } from "vitest";
import { ServerError } from "../../../src/server/errors.ts";
import { checkOptions, isLoopback, listAllowedHosts, urlOf } from "../../../src/server/options.ts";

test.for(["127.0.0.1", "127.9.9.9", "localhost", "::1"])("%s is for this machine only", (host) => {
  expect(isLoopback(host)).toBe(true);
  expect(checkOptions({ host }).apiKey).toBeUndefined();
});

test.for(["0.0.0.0", "::", "192.168.1.5", "127.evil.example", "::ffff:10.0.0.1", "gpu-1"])(
  "%s wants a key",
  (host) => {
    expect(() => checkOptions({ host })).toThrow(ServerError);
    expect(() => checkOptions({ host, apiKey: "" })).toThrow(/SLUICE_API_KEY/);
    expect(checkOptions({ host, apiKey: "key" }).apiKey).toBe("key");
  },
);

test.for([-1, 65_536, 1.5, Number.NaN])("%s is no port", (port) => {
  expect(() => checkOptions({ port })).toThrow(/is no port/);
});

test.for([0, -1, Number.NaN])("logs cannot be kept for %s days", (retentionDays) => {
  expect(() => checkOptions({ retentionDays })).toThrow(/SLUICE_RETENTION_DAYS/);
});

test.for([-1, Number.NaN])("runs cannot move after %s seconds", (moveAfterSeconds) => {
  expect(() => checkOptions({ moveAfterSeconds })).toThrow(/SLUICE_MOVE_AFTER_SECONDS/);
});

test("names loopback in three ways, always with the port", () => {
  expect(listAllowedHosts({ host: "127.0.0.1", port: 4200 }, [])).toEqual([
    "127.0.0.1:4200",
    "localhost:4200",
    "[::1]:4200",
  ]);
});

test("expects no port in the header where the port is the scheme's own", () => {
  expect(listAllowedHosts({ host: "127.0.0.1", port: 80 }, [])).toEqual(
    expect.arrayContaining(["127.0.0.1:80", "127.0.0.1", "localhost"]),
  );
});

test("takes an added name with the server's port and with the proxy's", () => {
  const allowed = listAllowedHosts({ host: "127.0.0.1", port: 4200 }, ["Sluice.Example"]);
  expect(allowed).toEqual(expect.arrayContaining(["sluice.example", "sluice.example:4200"]));
  expect(listAllowedHosts({ host: "127.0.0.1", port: 4200 }, ["*"])).toBeUndefined();
});

test("asks a server that listens everywhere on loopback", () => {
  expect(urlOf("0.0.0.0", 1)).toBe("http://127.0.0.1:1");
  expect(urlOf("::", 1)).toBe("http://[::1]:1");
  expect(urlOf("fe80::1", 1)).toBe("http://[fe80::1]:1");
});

test("a key that no client could send is refused", () => {
  for (const apiKey of ["clé", "key\n", "\u0000", " key", "key ", " "])
    expect(() => checkOptions({ apiKey })).toThrow(/no client can send/);
  expect(checkOptions({ apiKey: "with: colon" }).apiKey).toBe("with: colon");
});
