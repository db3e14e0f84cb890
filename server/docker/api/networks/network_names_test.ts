import assert from "node:assert/strict";
import type { NetworkRecord } from "../../../model/records.ts";
import { dockerName, withDockerName } from "../../../controllers/docker/names.ts";
import { netsvcName } from "./network_names.ts";

const network = (name: string, docker?: string) =>
  ({ name, ...docker !== undefined && { docker: { name: docker } } }) as NetworkRecord;

Deno.test("netsvcName() keeps what DNS can have, and makes up the rest", () => {
  const all = [network("UPPER"), network("my-net", "my.net"), network("x")];
  for (
    const [name, wanted] of [
      ["plain", "plain"],
      ["p_1-x", "p_1-x"],
      ["dot.name", "dot-name"],
      ["with blank", "with-blank"],
      ["upper", "upper-2"],
      ["my-net", "my-net-2"],
      ["my net", "my-net-2"],
      ["...", "network"],
      ["ä", "network"],
      ["n".repeat(80), "n".repeat(56)],
    ] as const
  ) {
    assert.equal(netsvcName(name, all), wanted, name);
  }
  for (const name of ["x", "my.net", "UPPER"]) {
    assert.throws(() => netsvcName(name, all), {
      message: `network with name ${name} already exists`,
    });
  }
  for (const name of ["", " ", " a", "a ", "a/b", "a\nb", "a\u001bb", "n".repeat(256)]) {
    assert.throws(() => netsvcName(name, all), /Invalid network name/, JSON.stringify(name));
  }
});

Deno.test("withDockerName() goes letter by letter", () => {
  const all = [network("UPPER"), network("upper-2", "upper"), network("my-net", "my.net")];
  assert.equal(withDockerName(all, "upper"), all[1]);
  assert.equal(withDockerName(all, "UPPER"), all[0]);
  assert.equal(withDockerName(all, "my-net"), undefined);
  assert.deepEqual(all.map(dockerName), ["UPPER", "upper", "my.net"]);
});
