import assert from "node:assert/strict";
import { ok, run, spawn, until } from "../harness/command.ts";
import { TestDocker } from "../harness/docker.ts";
import { TestHost, TestNamespace } from "../harness/host.ts";
import { TestPodman } from "../harness/podman.ts";

/** Runs a step that tells what the daemon logged when it fails. */
function telling(host: TestHost, action: () => Promise<void>): () => Promise<void> {
  return () =>
    action().catch((error) => {
      throw new Error(`${error instanceof Error ? error.message : error}\n${host.log()}`, {
        cause: error,
      });
    });
}

Deno.test("containers of Docker are backends", async (t) => {
  await using docker = await TestDocker.create();
  await using host = await TestHost.create({ flags: [`--docker-socket=${docker.socket}`] });
  const step = (name: string, action: () => Promise<void>) => t.step(name, telling(host, action));
  const inside = (name: string, ...words: string[]) => docker.run("exec", name, ...words);
  await host.ok("network", "create", "foo");
  await host.ok("service", "publish", "my-service.foo");
  await host.ok(..."run -d --name db --publish-service db.foo -- sleep 1000".split(" "));
  const web = await docker.sleeper("web");
  const before = (await inside("web", "cat", "/etc/resolv.conf")).stdout;
  const hostsBefore = (await inside("web", "cat", "/etc/hosts")).stdout;

  await step("attach by partial id: it is reached, and reaches, by name", async () => {
    await host.ok("service", "attach", web.slice(0, 12), "my-service.foo");
    assert.match(
      await host.ok("service", "ls"),
      new RegExp(`my-service +foo +${web.slice(0, 12)}`),
    );
    assert.match(await host.ok("container", "ls"), new RegExp(`${web.slice(0, 12)} +web .*docker`));
    await host.ok(..."run --rm --net foo -- ping -c1 -W2 my-service".split(" "));
    const ping = await inside("web", "ping", "-c1", "-W2", "db");
    assert.equal(ping.code, 0, ping.stdout + ping.stderr);
    assert.match((await inside("web", "ip", "link")).stdout, /eth1[^]*eth0/);
    assert.match((await inside("web", "ip", "route")).stdout, /^default via .* dev eth0/);
  });

  await step("what can't be says so", async () => {
    await host.fails(
      1,
      /"web" is attached .* already/,
      "service",
      "attach",
      "web",
      "my-service.foo",
    );
    await host.fails(1, /No such container: "nobody"/, "service", "attach", "nobody", "db.foo");
    await host.fails(125, /isn't netsvc's; use the command "docker"/, "exec", "web", "--", "true");
    await host.fails(1, /it backs 1 service: my-service.foo/, "container", "rm", "web");
    await host.fails(
      1,
      /--restart is for those of Docker/,
      "service",
      "attach",
      "--restart",
      "db",
      "my-service.foo",
    );
  });

  await step("a daemon that is killed takes it up again", async () => {
    await host.stop("SIGKILL");
    await host.start();
    assert.equal((await inside("web", "ping", "-c1", "-W2", "db")).code, 0);
  });

  await step("detach gives all of it back", async () => {
    await host.ok("service", "detach", "web", "my-service.foo");
    assert.equal((await inside("web", "cat", "/etc/resolv.conf")).stdout, before);
    assert.equal((await inside("web", "cat", "/etc/hosts")).stdout, hostsBefore);
    assert.doesNotMatch((await inside("web", "ip", "link")).stdout, /eth1/);
    assert.doesNotMatch(await host.ok("container", "ls"), /docker/);
  });

  await step("one that stops loses its service at once, and follows with --restart", async () => {
    await host.ok("service", "attach", "web", "my-service.foo");
    await docker.ok("kill", "web");
    await until(
      "the service has no provider",
      async () => !(await host.ok("service", "ls")).includes(web.slice(0, 12)),
    );
    await docker.ok("start", "web");
    await host.ok("service", "attach", "--restart", "web", "my-service.foo");
    await docker.ok("restart", "-t", "0", "web");
    await until("it is attached again", async () => {
      if (!(await host.ok("service", "ls")).includes(web.slice(0, 12))) return false;
      return (await inside("web", "ping", "-c1", "-W2", "db")).code === 0;
    });
    await docker.ok("rm", "-f", "web");
    await until(
      "it is forgotten",
      async () => !(await host.ok("container", "ls")).includes("docker"),
    );
  });

  await step("on a network of Docker's own its names go on working", async () => {
    await docker.ok("network", "create", "dn");
    await docker.sleeper("other", "--network", "dn");
    await docker.sleeper("web2", "--network", "dn");
    await host.ok("service", "attach", "web2", "my-service.foo");
    assert.equal((await inside("web2", "ping", "-c1", "-W2", "db")).code, 0);
    assert.equal((await inside("web2", "ping", "-c1", "-W2", "other")).code, 0);
    await host.ok("service", "detach", "web2", "my-service.foo");
    assert.equal((await inside("web2", "ping", "-c1", "-W2", "other")).code, 0);
  });

  await step("a process and a namespace are backends", async () => {
    await using namespace = await TestNamespace.create("e");
    await host.ok("service", "attach", `netns:${namespace.path}`, "my-service.foo");
    const exec = ["ip", "netns", "exec", namespace.name];
    assert.equal((await run([...exec, "ping", "-c1", "-W2", "db"])).code, 0);
    await host.ok("service", "detach", "-f", "my-service.foo");
    assert.equal(await run(["test", "-e", `/etc/netns/${namespace.name}`]).then((r) => r.code), 1);
    const child = spawn(["sleep", "1000"], { namespace: namespace.path });
    await host.ok("service", "attach", `pid:${child.pid}`, "my-service.foo");
    await host.ok(..."run --rm --net foo -- ping -c1 -W2 my-service".split(" "));
    child.kill("SIGKILL");
    await child.status;
    await until(
      "the service has no provider",
      async () =>
        JSON.parse(await host.ok("service", "info", "--format", "json", "my-service.foo"))[0]
          .backend === undefined,
    );
    assert.equal(
      await ok(["ip", "-n", namespace.name, "-br", "link"]).then((text) => text.split("\n").length),
      1,
    );
  });

  await step("run --runtime docker", async () => {
    const env = { DOCKER_HOST: `unix://${docker.socket}` };
    const words = "run --runtime docker -d --name api --publish-service api.foo box sleep 1000";
    const { code, stdout, stderr } = await host.run(words.split(" "), { env });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^[0-9a-f]{64}\n$/);
    assert.equal((await inside("api", "ping", "-c1", "-W2", "db")).code, 0);
    assert.match((await inside("api", "ip", "route")).stdout, /^default via .* dev eth0/);
    const foreground = await host.run(
      "run --runtime docker --rm --net foo box sh -c".split(" ").concat(
        "sleep 2; ping -c1 -W2 api && exit 7",
      ),
      { env },
    );
    assert.equal(foreground.code, 7, foreground.stdout + foreground.stderr);
    await docker.ok("rm", "-f", "api");
    await until(
      "nothing is left",
      async () => !(await host.ok("container", "ls")).includes("docker"),
    );
  });

  assert.deepEqual(
    (await host.links()).filter((name) => name.startsWith("nsv")).length,
    1,
    "db alone is plugged in",
  );
});

Deno.test("containers of Podman are backends", async (t) => {
  await using podman = await TestPodman.create();
  await using host = await TestHost.create({ env: podman.env });
  await host.ok("network", "create", "foo");
  await host.ok("service", "publish", "my-service.foo");
  await t.step(
    "attach, names, stop",
    telling(host, async () => {
      const id = await podman.sleeper("web");
      await host.ok("service", "attach", "--restart", "web", "my-service.foo");
      await host.ok(..."run --rm --net foo -- ping -c1 -W2 my-service".split(" "));
      await podman.ok("exec", "web", "ping", "-c1", "-W2", "my-service");
      await podman.ok("restart", "-t", "0", "web");
      await until(
        "it is attached again",
        async () =>
          (await host.ok("service", "ls")).includes(id.slice(0, 12)) &&
          (await host.run("run --rm --net foo -- ping -c1 -W2 my-service".split(" "))).code === 0,
      );
      await podman.ok("rm", "-f", "-t", "0", "web");
      await until(
        "it is forgotten",
        async () => !(await host.ok("container", "ls")).includes("podman"),
      );
    }),
  );
  await t.step(
    "run --runtime podman",
    telling(host, async () => {
      const words = "run --runtime podman --rm --publish-service my-service.foo box sh -c";
      const { code, stdout, stderr } = await host.run([
        ...words.split(" "),
        "sleep 2; ping -c1 -W2 my-service && exit 5",
      ]);
      assert.equal(code, 5, stdout + stderr);
    }),
  );
});
