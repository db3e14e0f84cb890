import assert from "node:assert/strict";
import { formatCidr } from "../../lib/ip/cidr.ts";
import { parseFibTrie, parseIpv6Routes } from "./host_routes.ts";

/** Runs a command to its end. */
function run(...argv: string[]): string {
  const [program, ...args] = argv as [string, ...string[]];
  const { success, stdout, stderr } = new Deno.Command(program, { args }).outputSync();
  const text = new TextDecoder();
  if (!success) throw new Error(`${argv.join(" ")}: ${text.decode(stderr)}`);
  return text.decode(stdout);
}

/** What a namespace with these settings shows in a file of `/proc/net`. */
function observe(file: string, commands: string[]): string[] {
  const namespace = `h1-${crypto.randomUUID().slice(0, 8)}`;
  run("ip", "netns", "add", namespace);
  try {
    for (
      const command of [
        "link set lo up",
        "link add d0 type veth peer d1",
        "link set d0 up",
        "link set d1 up",
        ...commands,
      ]
    ) {
      run("ip", "-n", namespace, ...command.split(" "));
    }
    const text = run("ip", "netns", "exec", namespace, "cat", `/proc/net/${file}`);
    const blocks = file === "fib_trie" ? parseFibTrie(text) : parseIpv6Routes(text);
    return blocks.map(formatCidr).sort();
  } finally {
    run("ip", "netns", "del", namespace);
  }
}

Deno.test("parseFibTrie() reads the kernel's addresses and routes of all tables", () => {
  const found = observe("fib_trie", [
    "address add 10.7.0.5/24 dev d0",
    "address add 10.8.0.1/32 dev d0",
    "address add 10.9.0.1 peer 10.9.0.2/32 dev d0",
    "route add default via 10.7.0.1",
    "route add 0.0.0.0/1 via 10.7.0.1",
    "route add 128.0.0.0/1 via 10.7.0.1",
    "route add 192.168.0.0/16 via 10.7.0.1",
    "route add 192.168.64.0/18 via 10.7.0.1",
    "route add 172.30.0.0/16 dev d0 table 77",
    "rule add from all lookup 77",
  ]);
  assert.deepEqual(found, [
    "10.7.0.0/24",
    "10.7.0.5/32",
    "10.8.0.1/32",
    "10.9.0.1/32",
    "10.9.0.2/32",
    "172.30.0.0/16",
    "192.168.0.0/16",
    "192.168.64.0/18",
  ]);
});

Deno.test("parseFibTrie() finds nothing on a host with defaults alone", () => {
  assert.deepEqual(observe("fib_trie", ["route add default dev d0"]), []);
});

Deno.test("parseIpv6Routes() reads the kernel's addresses and routes of all tables", () => {
  const found = observe("ipv6_route", [
    "address add fd00:7::5/64 dev d0 nodad",
    "-6 route add default via fd00:7::1",
    "-6 route add ::/1 via fd00:7::1",
    "-6 route add 8000::/1 via fd00:7::1",
    "-6 route add fd00:8::/48 via fd00:7::1",
    "-6 route add 2001:db8:9::/64 dev d0 table 77",
  ]);
  for (const block of ["fd00:7::/64", "fd00:7::5/128", "fd00:8::/48", "2001:db8:9::/64"]) {
    assert.ok(found.includes(block), `${block} in ${found}`);
  }
  const others = found.filter((block) => !/^(fd00:7::|fd00:8::|2001:db8:9::)/.test(block));
  assert.deepEqual(others, []);
});

Deno.test("parseFibTrie() and parseIpv6Routes() pass over what they don't know", () => {
  assert.deepEqual(parseFibTrie(""), []);
  assert.deepEqual(parseFibTrie("     |-- 10.0.0.0\n        /8 universe BLACKHOLE\n"), []);
  assert.deepEqual(parseFibTrie("        /8 universe UNICAST\n"), []);
  assert.deepEqual(parseIpv6Routes("\nsomething else\n"), []);
});
