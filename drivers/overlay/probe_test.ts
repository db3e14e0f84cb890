import assert from "node:assert/strict";
import { until } from "../../tests/harness/command.ts";
import { TestUnderlay } from "../../tests/harness/underlay.ts";
import { EchoProbe, UdpProbe } from "../../lib/linux/sockets/datagram.ts";
import { EMSGSIZE, EPERM } from "../../lib/linux/errno.ts";
import { ProbeListener } from "./probe/probe_listener.ts";
import { encodeProbe, probeSizes } from "./probe/probe_packet.ts";

const TOKEN = "00112233445566ff";

for (const family of [4, 6] as const) {
  Deno.test(`probes cross an underlay of IPv${family} as an overlay's packets do`, async () => {
    await using underlay = await TestUnderlay.create(2, { family });
    const [one, two] = underlay.hosts as [typeof underlay.hosts[0], typeof underlay.hosts[0]];
    const listener = new ProbeListener({ runner: two.parts.runner, port: 4789 });
    const heard: number[] = [];
    await using _listening = await listener.listen(underlay.spec(1), TOKEN, (n) => heard.push(n));
    using socket = one.parts.runner.within(undefined, () => new UdpProbe(underlay.spec(0)));
    using echo = one.parts.runner.within(undefined, () => new EchoProbe(underlay.spec(0)));
    const send = (size: number) =>
      socket.send(underlay.address(1), 4789, encodeProbe({ token: TOKEN, size }, family));
    assert.ok(await echo.reaches(underlay.address(1), 5000));
    const sizes = probeSizes(1500);
    await until("all sizes have arrived", () => {
      for (const size of sizes) assert.equal(send(size), 0);
      return sizes.every((size) => heard.includes(size));
    });
    assert.equal(send(1501), EMSGSIZE);
    await two.home.ok(["nft", "-f", "-"], {
      stdin:
        "table inet x { chain i { type filter hook input priority 0; udp dport 4789 drop; }; }",
    });
    heard.length = 0;
    assert.equal(send(200), 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.deepEqual(heard, []);
    await one.home.ok(["nft", "-f", "-"], {
      stdin:
        "table inet x { chain o { type filter hook output priority 0; udp dport 4789 drop; }; }",
    });
    assert.equal(send(200), EPERM);
    await underlay.switch.ip("link set dev p1 down");
    assert.equal(await echo.reaches(underlay.address(1), 500), false);
  });
}

Deno.test("ProbeListener.listen() shares a tunnel and leaves nothing behind", async () => {
  await using underlay = await TestUnderlay.create(1);
  const [host] = underlay.hosts as [typeof underlay.hosts[0]];
  const listener = new ProbeListener({ runner: host.parts.runner, port: 4789 });
  for (let i = 0; i < 3; i++) {
    const all = await Promise.all(
      ["1", "2", "3"].map((n) => listener.listen(underlay.spec(0), n.repeat(16), () => {})),
    );
    assert.match(await host.home.ok(["ss", "-uln"]), /:4789\b/);
    await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
    await all[0]![Symbol.asyncDispose]();
    assert.doesNotMatch(await host.home.ok(["ss", "-uln"]), /:4789\b/);
  }
});

Deno.test("ProbeListener.listen() says that another program has the port", async () => {
  await using underlay = await TestUnderlay.create(1);
  const [host] = underlay.hosts as [typeof underlay.hosts[0]];
  const { runner } = host.parts;
  const taken = runner.within(
    undefined,
    () => Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 4789 }),
  );
  const listener = new ProbeListener({ runner, port: 4789 });
  await assert.rejects(listener.listen(underlay.spec(0), TOKEN, () => {}), {
    code: "in_use",
    message: "Another program of this host has UDP port 4789",
  });
  taken.close();
});
