/** Firewalls of others, as they come and go beside a daemon that runs. */
import assert from "node:assert/strict";
import { spawn, until } from "../harness/command.ts";
import { TestHost } from "../harness/host.ts";

/** firewalld's way: a chain of its own that ends in a reject, put in anew as a whole at each reload. */
const CHAIN = `
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept;
    ct state established,related accept
    reject with icmpx admin-prohibited
  }`;
const RELOAD =
  `table inet firewalld\ndelete table inet firewalld\ntable inet firewalld {${CHAIN}\n}\n`;

Deno.test("a firewall of others that is loaded beside netsvc", async (t) => {
  await using host = await TestHost.create();
  const nft = (script: string) => host.namespace.ok(["nft", "-f", "-"], { stdin: script });
  const rules = () => host.namespace.ok(["nft", "list", "table", "inet", "firewalld"]);
  // What leads outside: exceptions are for such ways alone.
  await host.namespace.ip(
    "link add up0 type veth peer name up1",
    "addr add 192.0.2.1/24 dev up0",
    "link set up0 up",
    "link set up1 up",
  );
  await host.ok("network", "create", "--ipv6", "foo");
  const excepted = async () => {
    const text = await rules();
    return /iifname "nsb\*" oifname "up0" accept/.test(text) &&
      /oifname "nsb\*" accept/.test(text);
  };

  await t.step("it has its exceptions soon, and again after each reload", async () => {
    for (let reload = 0; reload < 2; reload++) {
      await nft(RELOAD);
      assert.equal(await excepted(), false);
      // Well before a round of the reconciler's, which would see to it as well.
      await until("the exceptions are there", excepted, 15_000);
    }
    await nft("delete table inet firewalld\n");
  });

  await t.step("one whose table is its owner's alone: create says what to do", async () => {
    // The owner is the process that made it; the table ends with it.
    const owner = spawn(["nft", "-i"], {
      ...{
        namespace: host.namespace.path,
        stdin: "piped",
        stdout: "null",
        stderr: "null",
      } as const,
    });
    const writer = owner.stdin.getWriter();
    try {
      const table = `add table inet firewalld { flags owner; }; ` +
        `add chain inet firewalld filter_FORWARD { type filter hook forward priority filter + 10; }; ` +
        `add rule inet firewalld filter_FORWARD reject with icmpx admin-prohibited\n`;
      await writer.write(new TextEncoder().encode(table));
      await until("the table is there", () => rules().then(() => true, () => false));
      let said = "";
      let n = 0;
      await until("create says it", async () => {
        said = (await host.run(["network", "create", `n${n++}`])).stderr;
        return said !== "";
      }, 15_000);
      assert.match(
        said,
        /^netsvc: The firewall of firewalld drops .*takes no exception.*firewall-cmd --permanent --zone=trusted --add-interface=nsb[0-9a-f]{12}.*firewall-cmd --reload\n$/,
      );
    } finally {
      await writer.close();
      await owner.status;
    }
    // It is gone, and so is what was to be done.
    await until("create has nothing to say", async () => {
      const { stderr, stdout } = await host.run(["network", "create", "later"]);
      if (stdout) await host.ok("network", "rm", "later");
      return stderr === "";
    }, 15_000);
  });
});
