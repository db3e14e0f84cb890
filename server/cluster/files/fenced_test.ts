import assert from "node:assert/strict";
import { fencedEndpoints } from "./fenced.ts";

Deno.test("containers are kept from all ports of a voter, and from a store that is given", () => {
  const given = [{ host: "10.0.0.9", port: 2379 }];
  assert.deepEqual(fencedEndpoints(undefined, given), given);
  assert.deepEqual(fencedEndpoints({ store: { kind: "external", url: "etcd:x" } }, given), given);
  const endpoints = [{ host: "10.0.0.1", port: 2479 }, { host: "fd00::1", port: 2479 }];
  assert.deepEqual(
    fencedEndpoints({ store: { kind: "own", endpoints } }, given).map(({ host, port }) =>
      `${host} ${port}`
    ),
    ["10.0.0.1", "fd00::1"].flatMap((host) => [2478, 2479, 2480].map((port) => `${host} ${port}`)),
  );
});
