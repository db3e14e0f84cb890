import assert from "node:assert/strict";
import type { Service } from "../../lib/api/types.ts";
import { providerName } from "./provider.ts";

const of = (container?: Record<string, unknown>) =>
  providerName({ ...container && { backend: { container } } } as unknown as Service);

Deno.test("netsvc's own containers are shown by name, others and nameless ones by id", () => {
  const id = "0123456789ab".padEnd(64, "0");
  assert.equal(of(), "");
  assert.equal(of({ id, name: "web", runtime: "netsvc" }), "web");
  assert.equal(of({ id, runtime: "netsvc" }), "0123456789ab");
  assert.equal(of({ id, name: "web", runtime: "docker" }), "0123456789ab");
});
