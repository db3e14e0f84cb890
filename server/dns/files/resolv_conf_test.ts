import assert from "node:assert/strict";
import {
  containerResolvConf,
  foreignResolvConf,
  HostResolvConf,
  parseResolvConf,
} from "./resolv_conf.ts";

Deno.test("parseResolvConf() reads what the C library reads", () => {
  const conf = parseResolvConf(`# a comment
; another
nameserver 192.0.2.1 # its own
  nameserver\t2001:DB8:0:0::1
nameserver fe80::1%eth0
nameserver nonsense
nameserver
domain old.example
search a.example b.example
options ndots:5 use-vc
options timeout:1
sortlist 10.0.0.0
`);
  assert.deepEqual(conf, {
    nameservers: ["192.0.2.1", "2001:db8::1", "fe80::1%eth0"],
    search: ["a.example", "b.example"],
    options: ["ndots:5", "use-vc", "timeout:1"],
  });
  assert.deepEqual(parseResolvConf(""), { nameservers: [], search: [], options: [] });
});

Deno.test("containerResolvConf() keeps search and options that fit", () => {
  const host = parseResolvConf("search a.example\noptions ndots:5 timeout:1 use-vc");
  assert.equal(
    containerResolvConf(host),
    "# Made by netsvc; changes are lost\nnameserver 127.0.0.11\nsearch a.example\n" +
      "options ndots:0 timeout:1\n",
  );
  assert.doesNotMatch(containerResolvConf(parseResolvConf("")), /search/);
});

Deno.test("foreignResolvConf() keeps what the container asked for, ndots too", () => {
  const asked = parseResolvConf(
    "search a.example b\noptions use-vc edns0 ndots:3\noptions timeout:1",
  );
  assert.equal(
    foreignResolvConf(asked, "127.0.0.12"),
    "# Made by netsvc; changes are lost\nnameserver 127.0.0.12\nsearch a.example b\n" +
      "options edns0 ndots:3 timeout:1\n",
  );
  assert.match(
    foreignResolvConf(parseResolvConf("options edns0"), "::1"),
    /^options ndots:0 edns0$/m,
  );
});

Deno.test("HostResolvConf.handedOn() looks behind systemd-resolved", async () => {
  const at = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  const handedOn = (host: string) => {
    Deno.writeTextFileSync(`${at}/host`, host);
    return new HostResolvConf(`${at}/host`, `${at}/resolved`).handedOn();
  };
  try {
    assert.deepEqual(handedOn("nameserver 127.0.0.53"), ["127.0.0.53"]);
    Deno.writeTextFileSync(`${at}/resolved`, "nameserver 192.0.2.1\nnameserver 192.0.2.2\n");
    assert.deepEqual(handedOn("nameserver 127.0.0.53"), ["127.0.0.53", "192.0.2.1", "192.0.2.2"]);
    assert.deepEqual(handedOn("nameserver 192.0.2.9"), ["192.0.2.9"]);
  } finally {
    await Deno.remove(at, { recursive: true });
  }
});
