import assert from "node:assert/strict";
import { ok, type Result, run, spawn, until } from "../harness/command.ts";
import { TestDocker } from "../harness/docker.ts";
import { TestHost, TestNamespace } from "../harness/host.ts";
import { TestPodman } from "../harness/podman.ts";
import { startUpstream } from "../harness/upstream.ts";

/** Runs a step that tells what the daemon logged when it fails. */
function telling(host: TestHost, action: () => Promise<void>): () => Promise<void> {
  return () =>
    action().catch((error) => {
      throw new Error(`${error instanceof Error ? error.message : error}\n${host.log()}`, {
        cause: error,
      });
    });
}

/** What `run --runtime` refuses before anything runs, on a host with the service `db.foo`. */
const BEFORE_IT_RUNS: [words: string, message: RegExp][] = [
  ["--rm --net nosuch", /No such network: "nosuch"/],
  ["--rm --publish-service db.foo", /already has a backend, the container "db"/],
  ["--rm --net host", /Cannot put a container of another runtime on --net "host"/],
];

/** Each is refused, and nothing has run. */
async function refusesBefore(run: (words: string, ...more: string[]) => Promise<Result>) {
  for (const [words, message] of BEFORE_IT_RUNS) {
    const { code, stdout, stderr } = await run(`${words} box echo`, "it ran");
    assert.equal(code, 125, words);
    assert.match(stderr, message);
    assert.equal(stdout, "", words);
  }
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
    const links = (await inside("web", "ip", "link")).stdout;
    for (const name of ["eth0", "eth1"]) assert.match(links, new RegExp(`: ${name}@`));
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

  await step("one that shares another's network is told apart", async () => {
    await docker.sleeper("e1");
    const e2 = await docker.sleeper("e2", "--net", "container:e1");
    await host.ok("service", "publish", "s1.foo");
    await host.ok("service", "publish", "s2.foo");
    await host.ok("service", "attach", "e1", "s1.foo");
    const pid = await docker.ok("inspect", "-f", "{{.State.Pid}}", "e1");
    const shares = /it shares the network of the container "e1"; attach that one/;
    await host.fails(1, shares, "service", "attach", "e2", "s2.foo");
    await host.fails(1, shares, "service", "attach", `pid:${pid}`, "s2.foo");
    const { body } = await host.api(
      "/v1.41/networks/foo/connect",
      "--json",
      JSON.stringify({ Container: e2 }),
    );
    assert.match(body, /sharing network namespace/);
    assert.equal((await inside("e1", "ping", "-c1", "-W2", "db")).code, 0);
    await host.ok("service", "detach", "docker:e1", "s1.foo");
    await host.ok("service", "attach", "e2", "s2.foo");
    await host.ok("service", "detach", "e2", "s2.foo");
    for (const name of ["s1.foo", "s2.foo"]) await host.ok("service", "unpublish", name);
    await docker.ok("rm", "-f", "e2", "e1");
  });

  await step("run --runtime docker", async () => {
    // The docker that the daemon was told of, whatever the environment says.
    const env = { DOCKER_HOST: "unix:///nowhere" };
    const run = (words: string, ...more: string[]) =>
      host.run(["run", "--runtime", "docker", ...words.split(" "), ...more], { env });
    const made = await run("-d --name api --publish-service api.foo box sleep 1000");
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /^[0-9a-f]{64}\n$/);
    assert.equal((await inside("api", "ping", "-c1", "-W2", "db")).code, 0);
    assert.match((await inside("api", "ip", "route")).stdout, /^default via .* dev eth0/);
    for (let i = 0; i < 3; i++) {
      const first = await run("--rm --net foo box", "ping", "-c1", "-W2", "api");
      assert.equal(first.code, 0, "it has its network from its first instruction on");
    }
    const seven = await run("--rm --net foo box", "sh", "-c", "exit 7");
    assert.equal(seven.code, 7, seven.stderr);
    await refusesBefore(run);
    assert.equal((await run("--rm --net foo box nosuchcommand")).code, 127);
    assert.equal((await run("--rm --net foo box /etc")).code, 126);
    await docker.ok("rm", "-f", "api");
    await until(
      "nothing is left",
      async () => !(await host.ok("container", "ls")).includes("docker"),
    );
    assert.equal(
      await docker.ok("ps", "-aq", "--filter", "ancestor=box", "--filter", "name=api"),
      "",
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
      const run = (words: string, ...more: string[]) =>
        host.run(["run", "--runtime", "podman", ...words.split(" "), ...more]);
      const five = await run(
        "--rm --publish-service my-service.foo box sh -c",
        "ping -c1 -W2 my-service && exit 5",
      );
      assert.equal(five.code, 5, five.stdout + five.stderr);
      await host.ok(..."run -d --name db --publish-service db.foo -- sleep 1000".split(" "));
      await refusesBefore(run);
      assert.equal((await run("--rm --net foo box nosuchcommand")).code, 127);
      assert.equal((await run("--rm --net foo box /etc")).code, 126);
      const id = (await run("-d --net foo box sleep 1000")).stdout.trim();
      assert.match(await host.ok("container", "ls"), new RegExp(id.slice(0, 12)));
      await podman.ok("rm", "-f", "-t", "0", id);
      assert.equal(await podman.ok("ps", "-aq"), "");
    }),
  );
});

Deno.test("a container's own resolvers, options and domain are kept", async (t) => {
  const OWN = "198.18.0.1", HOSTS = "127.0.0.53";
  await using docker = await TestDocker.create();
  const flags = [`--docker-socket=${docker.socket}`];
  await using host = await TestHost.create({ flags, stopped: true });
  await host.setResolvConf(`nameserver ${HOSTS}\n`);
  await host.namespace.ip(`addr add ${OWN}/32 dev lo`);
  using cleanup = new DisposableStack();
  const upstreams = {
    own: startUpstream(host.namespace.path, OWN),
    host: startUpstream(host.namespace.path, HOSTS),
  };
  for (const upstream of Object.values(upstreams)) cleanup.defer(() => upstream.close());
  await host.start();
  const step = (name: string, action: () => Promise<void>) => t.step(name, telling(host, action));
  const inside = (...words: string[]) => docker.run("exec", "web", ...words);
  const lookup = ["nslookup", "-type=a", "www.example.com"];
  /** Only one of them answers. */
  const onlyAnswers = (name: keyof typeof upstreams) => {
    for (const [other, upstream] of Object.entries(upstreams)) upstream.mute = other !== name;
  };
  await host.ok("network", "create", "foo");
  await host.ok("service", "publish", "my-service.foo");
  await docker.sleeper(
    "web",
    ...`--network none --dns ${OWN} --dns-option ndots:3 --dns-search corp.example`.split(" "),
    ...["--hostname", "hh", "--domainname", "dd.ee"],
  );
  const before = (await inside("cat", "/etc/resolv.conf")).stdout;
  assert.match(before, new RegExp(`^nameserver ${OWN}$`, "m"));
  await host.ok("service", "attach", "web", "my-service.foo");

  await step("--dns is asked, from inside", async () => {
    onlyAnswers("own");
    assert.match((await inside(...lookup)).stdout, /192\.0\.2\.80/);
    assert.equal((await inside("ping", "-c1", "-W2", "my-service")).code, 0);
  });

  await step("a daemon that is killed goes on asking it", async () => {
    await host.stop("SIGKILL");
    await host.start();
    assert.match((await inside(...lookup)).stdout, /192\.0\.2\.80/);
  });

  await step("where it doesn't answer the host's are asked", async () => {
    onlyAnswers("host");
    assert.match((await inside(...lookup)).stdout, /192\.0\.2\.80/);
  });

  await step("--dns-option, --dns-search and --domainname are what they were", async () => {
    const text = (await inside("cat", "/etc/resolv.conf")).stdout;
    assert.match(text, /^nameserver 127\.0\.0\.11\nsearch corp\.example\noptions ndots:3$/m);
    assert.equal((await inside("hostname", "-f")).stdout, "hh.dd.ee\n");
  });

  await step("detach gives all of it back", async () => {
    await host.ok("service", "detach", "web", "my-service.foo");
    assert.equal((await inside("cat", "/etc/resolv.conf")).stdout, before);
  });

  await step("one on the container's own network is asked, which only that reaches", async () => {
    const links = JSON.parse(await docker.namespace.ok("ip -j -4 addr show docker0".split(" ")));
    const gateway: string = links[0].addr_info[0].local;
    const upstream = startUpstream(docker.namespace.path, gateway);
    try {
      await docker.sleeper("web2", "--dns", gateway);
      await host.ok("service", "attach", "web2", "my-service.foo");
      for (const other of Object.values(upstreams)) other.mute = true;
      assert.match((await docker.run("exec", "web2", ...lookup)).stdout, /192\.0\.2\.80/);
      await host.ok("service", "detach", "web2", "my-service.foo");
    } finally {
      upstream.close();
    }
  });

  await step("the resolver of a namespace's own file is asked", async () => {
    await using namespace = await TestNamespace.create("e");
    const at = `/etc/netns/${namespace.name}`;
    await Deno.mkdir(at, { recursive: true });
    try {
      await Deno.writeTextFile(`${at}/resolv.conf`, `nameserver ${OWN}\n`);
      await host.ok("service", "attach", `netns:${namespace.path}`, "my-service.foo");
      onlyAnswers("own");
      const { stdout } = await run(["ip", "netns", "exec", namespace.name, "busybox", ...lookup]);
      assert.match(stdout, /192\.0\.2\.80/);
      await host.ok("service", "detach", "-f", "my-service.foo");
      assert.equal(await Deno.readTextFile(`${at}/resolv.conf`), `nameserver ${OWN}\n`);
    } finally {
      await Deno.remove(at, { recursive: true });
    }
  });
});
