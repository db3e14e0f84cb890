/**
 * What users do most, on each engine: the current one and the distribution's. Every way in which a container
 * comes to run has its networks there before its command.
 */
import assert from "node:assert/strict";
import { until } from "../harness/command.ts";
import { HAS_CURRENT, TestDocker } from "../harness/docker.ts";
import { telling } from "../harness/docker_plugin.ts";
import { TestHost } from "../harness/host.ts";

/** Notes what the command finds at its very beginning. */
const NOTE = "ip -o -4 addr show eth0 | grep -q inet && a=eth0 || a=none; " +
  "nslookup -type=a db | grep -q ^Name: && n=db || n=none; echo $a $n >> /seen; ";

for (
  const engine of HAS_CURRENT ? ["current", "distribution"] as const : ["distribution"] as const
) {
  Deno.test(`Docker's ${engine} engine, driven and watched`, async (t) => {
    await using docker = await TestDocker.create({ engine });
    await using host = await TestHost.create({ flags: [`--docker-socket=${docker.socket}`] });
    const netsvc = docker.at(host.socket);
    const step = (name: string, action: () => Promise<void>) => t.step(name, telling(action, host));
    /** What a container's command has found each time that it began. */
    const seen = async (name: string, times: number, what = /^eth0 db$/) => {
      const notes = await until(`${name} has begun ${times} times`, async () => {
        const { stdout } = await docker.run("cp", `${name}:/seen`, "-");
        const lines = stdout.match(/(eth0|none) (db|none)$/gm) ?? [];
        return lines.length >= times && lines;
      }, 30_000);
      assert.ok(notes.every((note) => what.test(note)), `${name}: ${notes}`);
    };
    await netsvc.ok("network", "create", "net");
    await netsvc.ok("run", "-d", "--name", "db", "--net", "net", "box", "sleep", "1000");

    await step("run, stop and start, restart", async () => {
      const command = ["box", "sh", "-c", `${NOTE} sleep 1000`];
      await netsvc.ok("run", "-d", "--name", "web", "--net", "net", ...command);
      await netsvc.ok("stop", "-t", "0", "web");
      await netsvc.ok("start", "web");
      for (let i = 0; i < 3; i++) await netsvc.ok("restart", "-t", "0", "web");
      await seen("web", 5);
    });

    await step("pause and unpause change nothing", async () => {
      const address = () => netsvc.ok("exec", "web", "ip", "-o", "-4", "addr", "show", "eth0");
      const before = await address();
      await netsvc.ok("pause", "web");
      await netsvc.ok("unpause", "web");
      assert.equal(await address(), before);
      await netsvc.ok("exec", "db", "ping", "-c1", "-W2", "web");
    });

    await step("a network with IPv6, first or second, started or restarted", async () => {
      await netsvc.ok("network", "create", "--ipv6", "six");
      await netsvc.ok("network", "create", "four");
      const format = "{{.NetworkSettings.Networks.six.GlobalIPv6Address}}";
      const address = async (name: string) => {
        const found = await netsvc.ok("inspect", "-f", format, name);
        assert.match(found, /^fd/);
        const inside = await netsvc.ok("exec", name, "ip", "-o", "-6", "addr");
        assert.ok(inside.includes(` ${found}/64`), `${name}: ${inside}`);
      };
      await netsvc.ok("run", "-d", "--name", "v6", "--net", "six", "box", "sleep", "1000");
      await address("v6");
      await netsvc.ok("restart", "-t", "0", "v6");
      await address("v6");
      await netsvc.ok("run", "-d", "--name", "v4", "--net", "four", "box", "sleep", "1000");
      await netsvc.ok("network", "connect", "six", "v4");
      await address("v4");
      await netsvc.ok("restart", "-t", "0", "v4");
      await address("v4");
      await netsvc.ok("exec", "v4", "ping", "-6", "-c1", "-W5", "v6");
      // The first by name leads out, and where it has no IPv6 the next does.
      const leads = async (...networks: string[]) => {
        for (const [family, network] of networks.entries()) {
          const gateway = await netsvc.ok(
            ...["network", "inspect", network, "-f", `{{(index .IPAM.Config ${family}).Gateway}}`],
          );
          const routes = await netsvc.ok("exec", "v4", "ip", family === 0 ? "-4" : "-6", "route");
          assert.match(routes, new RegExp(`^default via ${gateway} `, "m"), network);
          assert.equal(routes.match(/^default/gm)?.length, 1, routes);
        }
      };
      await leads("four", "six");
      await netsvc.ok("network", "create", "--ipv6", "a-six");
      await netsvc.ok("network", "connect", "a-six", "v4");
      await leads("a-six", "a-six");
      await netsvc.ok("network", "disconnect", "a-six", "v4");
      await leads("four", "six");
      await netsvc.ok("network", "rm", "a-six");
      await netsvc.ok("rm", "-f", "v6", "v4");
      await netsvc.ok("network", "rm", "six", "four");
    });

    await step("a restart at Docker's own socket", async () => {
      for (let i = 0; i < 2; i++) await docker.ok("restart", "-t", "0", "web");
      await seen("web", 7);
      await netsvc.ok("exec", "db", "ping", "-c1", "-W2", "web");
    });

    await step("a restart policy", async () => {
      const command = ["box", "sh", "-c", `${NOTE} sleep 0.5; exit 1`];
      await netsvc.ok(
        "run",
        "-d",
        "--name",
        "loop",
        "--net",
        "net",
        "--restart=on-failure:3",
        ...command,
      );
      await seen("loop", 4);
      await netsvc.ok("rm", "-f", "loop");
    });

    await step("a command that ends at once", async () => {
      for (let i = 0; i < 3; i++) {
        const { code, stdout } = await netsvc.run(
          ...["run", "--rm", "--net", "net", "box", "sh", "-c", `${NOTE} cat /seen; exit 3`],
        );
        assert.deepEqual([code, stdout], [3, "eth0 db\n"]);
      }
    });

    await step("Docker's daemon is restarted: --restart always", async () => {
      const command = ["box", "sh", "-c", `${NOTE} sleep 1000`];
      await netsvc.ok(
        "run",
        "-d",
        "--name",
        "always",
        "--net",
        "net",
        "--restart=always",
        ...command,
      );
      await seen("always", 1);
      await docker.stop();
      await docker.start();
      await until(
        "it has a service again",
        async () => (await host.ok("service", "ls")).match(/^\S+ +always +net +\S+/m) !== null,
      );
      // Nobody has started "db" yet.
      await seen("always", 2, /^eth0 /);
      await netsvc.ok("start", "db");
      await netsvc.ok("exec", "db", "ping", "-c1", "-W2", "always");
    });

    await step(
      "a running container of Docker's own becomes a backend, and is given back",
      async () => {
        await docker.sleeper("plain", "--net", "none");
        const files = () => docker.ok("exec", "plain", "cat", "/etc/resolv.conf", "/etc/hosts");
        const before = await files();
        await host.ok("service", "publish", "svc.net");
        await host.ok("service", "attach", "plain", "svc.net");
        await netsvc.ok("exec", "plain", "ping", "-c1", "-W2", "db");
        await netsvc.ok("exec", "db", "ping", "-c1", "-W2", "svc");
        await host.ok("service", "detach", "plain", "svc.net");
        assert.equal(await files(), before);
      },
    );

    await step("nothing is left behind", async () => {
      const names = (await docker.ok("ps", "-aq")).split("\n");
      await netsvc.ok("rm", "-f", ...names);
      await host.ok("service", "unpublish", "svc.net");
      await netsvc.ok("network", "rm", "net");
    });
  });
}
