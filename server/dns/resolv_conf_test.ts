import assert from "node:assert/strict";
import { containerResolvConf, parseResolvConf } from "./resolv_conf.ts";

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
