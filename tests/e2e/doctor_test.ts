/** What the doctor says of one host that isn't as others are. */
import assert from "node:assert/strict";
import type { Finding } from "../../lib/api/types.ts";
import { run, until } from "../harness/command.ts";
import { NETSVC, TestHost } from "../harness/host.ts";
import { startUpstream } from "../harness/upstream.ts";

const RESOLVER = "10.99.0.53";

async function diagnose(
  host: TestHost,
  check: string,
): Promise<{ code: number; found: Finding[] }> {
  const { code, stdout } = await host.run(["doctor", "--format", "json"], { timeout: 60_000 });
  const findings: Finding[] = JSON.parse(stdout);
  return { code, found: findings.filter((finding) => finding.check === check) };
}

Deno.test("a resolver that refuses all but its own names is no failure", async (t) => {
  await using host = await TestHost.create({ stopped: true });
  await host.namespace.ip(
    "link add d0 type bridge",
    `addr add ${RESOLVER}/24 dev d0`,
    "link set d0 up",
    "route add default via 10.99.0.1",
  );
  const upstream = startUpstream(host.namespace.path, RESOLVER);
  try {
    upstream.only = "corp.example";
    await host.setResolvConf(`nameserver ${RESOLVER}\nsearch corp.example\n`);
    await host.start();
    await t.step("it answers for a domain that the host searches", async () => {
      const { code, found } = await diagnose(host, "dns");
      assert.deepEqual(found.map(({ status }) => status), ["ok"], JSON.stringify(found));
      assert.match(found[0]!.message, /answers for "corp\.example" .*refuses names of the outside/);
      assert.equal(code, 0);
    });
    await t.step("nobody knows what it answers for", async () => {
      await host.setResolvConf(`nameserver ${RESOLVER}\n`);
      await until("the daemon reads it", async () => {
        const { code, found } = await diagnose(host, "dns");
        assert.equal(code, 0);
        return found[0]!.status === "warning" && /REFUSED/.test(found[0]!.message);
      });
    });
  } finally {
    upstream.close();
  }
});

Deno.test("a /proc/sys that can't be written is told by the doctor, and by who needs it", async () => {
  await using host = await TestHost.create({ stopped: true });
  const shell =
    'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"';
  const log = await Deno.open(`${host.directory}/log`, { create: true, append: true });
  log.close();
  const daemon = new Deno.Command("ip", {
    args: ["netns", "exec", host.namespace.name, "sh", "-c", shell, "sh", ...host.daemonWords],
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await until(
      "the daemon serves",
      async () => (await run([...NETSVC, "-H", `unix://${host.socket}`, "version"])).code === 0,
    );
    const { code, found } = await diagnose(host, "kernel");
    assert.equal(code, 1);
    const [problem] = found.filter(({ status }) => status === "problem");
    assert.match(problem!.message, /can't be changed \(.*Read-only file system.*can't be made/);
    assert.match(problem!.remedy!, /ProtectKernelTunables=no/);
    await host.fails(
      1,
      /Read-only file system; give the daemon a writable \/proc\/sys: in systemd/,
      ...["network", "create", "--ipv6", "foo"],
    );
  } finally {
    daemon.kill("SIGTERM");
    await daemon.status;
  }
});
