import assert from "node:assert/strict";
import { OWN_MARK } from "../../dns/files/resolv_conf.ts";
import { adoptedResolver, adoptedUpstreams, nameserversIn, ownNames } from "./adopted_files.ts";

const HOST = ["192.0.2.1", "192.0.2.2"];

function upstreams(...before: string[]): string[] {
  return adoptedUpstreams(adoptedResolver(before), { before, handedOn: HOST });
}

Deno.test("nameserversIn() never takes netsvc's own address for a container's resolver", () => {
  const taken = (resolver: string) => `${OWN_MARK}; changes are lost\nnameserver ${resolver}\n`;
  assert.deepEqual(nameserversIn("nameserver 198.18.0.1\nnameserver 127.0.0.11\n"), [
    "198.18.0.1",
    "127.0.0.11",
  ]);
  assert.deepEqual(nameserversIn(taken("127.0.0.11")), []);
  // It stays where the file says, beside Docker's.
  const beside = nameserversIn(taken("127.0.0.12"));
  assert.deepEqual(adoptedResolver(beside), { resolver: "127.0.0.12", upstreams: ["127.0.0.11"] });
});

Deno.test("adoptedUpstreams() are the container's own, unless they are its host's", () => {
  assert.deepEqual(upstreams(), []);
  assert.deepEqual(upstreams("192.0.2.1"), []);
  assert.deepEqual(upstreams("192.0.2.2", "192.0.2.1"), []);
  assert.deepEqual(upstreams("198.18.0.1"), ["198.18.0.1"]);
  // In their order: the host's is what the container asks next, from inside.
  assert.deepEqual(upstreams("198.18.0.1", "192.0.2.1"), ["198.18.0.1", "192.0.2.1"]);
  assert.deepEqual(upstreams("127.0.0.11"), ["127.0.0.11"]);
  assert.deepEqual(upstreams("127.0.0.1", "198.18.0.1"), ["127.0.0.1", "198.18.0.1"]);
});

Deno.test("adoptedUpstreams() follow a file that its engine wrote late, and never lead back", () => {
  const early = adoptedResolver([]);
  assert.deepEqual(adoptedUpstreams(early, { before: ["198.18.0.1"], handedOn: HOST }), [
    "198.18.0.1",
  ]);
  assert.deepEqual(adoptedUpstreams(early, { before: [early.resolver], handedOn: HOST }), []);
  const plugged = { resolver: "127.0.0.12", upstreams: ["127.0.0.11"] };
  assert.deepEqual(adoptedUpstreams(plugged, { before: [], handedOn: HOST }), ["127.0.0.11"]);
  // A namespace's copy of the host's file leads to who listens inside, as it did before.
  assert.deepEqual(
    adoptedUpstreams(adoptedResolver(["127.0.0.53"]), {
      before: ["127.0.0.53"],
      handedOn: ["127.0.0.53"],
    }),
    ["127.0.0.53"],
  );
});

Deno.test("ownNames() are the full one and the short one, where there are two", () => {
  assert.deepEqual(ownNames("127.0.0.1\tlocalhost\n", "hh"), ["hh"]);
  assert.deepEqual(ownNames("", "hh.dd.ee"), ["hh.dd.ee", "hh"]);
  assert.deepEqual(ownNames("10.0.0.2\thh.dd.ee hh # its own\n", "hh"), ["hh.dd.ee", "hh"]);
  assert.deepEqual(ownNames("10.0.0.2\thh web\n10.0.0.3\thh.other\n", "hh"), ["hh"]);
  assert.deepEqual(ownNames("# 10.0.0.2 hh.dd.ee hh\n", "hh"), ["hh"]);
  assert.deepEqual(ownNames("", ".hh"), [".hh"]);
});
