import assert from "node:assert/strict";
import { parseEndpoints } from "./url_parts.ts";

const options = {
  port: 2379,
  invalid: (why: string, remedy?: string) => new Error(`${why}; ${remedy}`),
};

Deno.test("endpoints have a host and perhaps a port, in either family", () => {
  assert.deepEqual(parseEndpoints("a,10.0.0.1:1,[fd00::1]:2,[::1]", options), [
    { host: "a", port: 2379 },
    { host: "10.0.0.1", port: 1 },
    { host: "fd00::1", port: 2 },
    { host: "::1", port: 2379 },
  ]);
});

Deno.test("what isn't one is named, with the remedy", () => {
  assert.throws(() => parseEndpoints("", options), /no endpoint/);
  assert.throws(() => parseEndpoints("a,,b", options), /an empty endpoint/);
  assert.throws(() => parseEndpoints("fd00::1", options), /in brackets/);
  for (const bad of ["a:0", "a:65536", "a:x", "a:"]) {
    assert.throws(() => parseEndpoints(bad, options), /port/, bad);
  }
  for (const bad of ["[a]", "a b", "-a"]) {
    assert.throws(() => parseEndpoints(bad, options), /host/, bad);
  }
});
