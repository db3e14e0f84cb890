import assert from "node:assert/strict";
import { ok, until } from "../harness/command.ts";
import { PluggedDocker, telling } from "../harness/docker_plugin.ts";
import { TestHost } from "../harness/host.ts";

Deno.test("netsvc is a plugin of Docker", async (t) => {
  await using plugged = await PluggedDocker.create();
  const { docker } = plugged;
  await using host = await TestHost.create({ flags: plugged.flags });
  const step = (name: string, action: () => Promise<void>) => t.step(name, telling(action, host));
  const inside = (name: string, ...words: string[]) => docker.run("exec", name, ...words);
  const ping = async (from: string, to: string) => {
    const { code, stdout, stderr } = await inside(from, "ping", "-c1", "-W2", to);
    assert.equal(code, 0, `${from} to ${to}: ${stdout}${stderr}`);
  };
  const fails = async (message: RegExp, ...words: string[]) => {
    const { code, stderr } = await docker.run(...words);
    assert.ok(code !== 0 && message.test(stderr), `${words.join(" ")}: ${code} ${stderr}`);
  };
  const services = async (network: string): Promise<{ name: string; addresses: string[] }[]> =>
    JSON.parse(await host.ok("service", "ls", "--net", network, "--format", "json"));
  const empty = (network: string) =>
    until(`${network} is empty`, async () => (await services(network)).length === 0);
  await host.ok("network", "create", "foo");
  await host.ok("network", "create", "bar");
  await host.ok(..."run -d --name db --publish-service db.foo -- sleep 1000".split(" "));

  await step("a network of Docker's is one of netsvc's", async () => {
    await plugged.createNetwork("foo", "-o", "netsvc.network=foo");
    await docker.sleeper("api", "--net", "foo");
    assert.match(await host.ok("service", "ls"), /api +foo +[0-9a-f]{12}/);
    await host.ok(..."run --rm --net foo -- ping -c1 -W2 api".split(" "));
    await ping("api", "db");
    const own = (await services("foo")).find(({ name }) => name === "api");
    const shown = "{{range .NetworkSettings.Networks}}{{.IPAddress}}/{{.IPPrefixLen}}{{end}}";
    assert.equal(await docker.ok("inspect", "-f", shown, "api"), own?.addresses[0]);
    assert.match((await inside("api", "ip", "route")).stdout, /^default via .* dev eth0/);
  });

  await step("a process finds network and names there from its beginning on", async () => {
    for (let i = 0; i < 2; i++) {
      await docker.ok("run", "--rm", "--net", "foo", "box", "ping", "-c1", "-W2", "db");
    }
  });

  await step("connect and disconnect a running container", async () => {
    await plugged.createNetwork("bar", "--ipam-opt", "netsvc.network=bar");
    const [{ pools }] = JSON.parse(await host.ok("network", "info", "--format", "json", "bar"));
    assert.equal(
      await docker.ok(
        "network",
        "inspect",
        "-f",
        "{{range .IPAM.Config}}{{.Subnet}}{{end}}",
        "bar",
      ),
      pools[0].subnet,
    );
    await host.ok(..."run -d --name other --publish-service other.bar -- sleep 1000".split(" "));
    await docker.sleeper("plain");
    await docker.ok("network", "connect", "--alias", "word", "bar", "plain");
    await until(
      "it has names",
      async () => (await inside("plain", "ping", "-c1", "other")).code === 0,
    );
    await docker.ok("network", "connect", "bar", "api");
    await ping("api", "other");
    await ping("api", "db");
    await until(
      "its alias is known",
      async () => (await host.run("run --rm --net bar -- ping -c1 -W2 word".split(" "))).code === 0,
    );
    await docker.ok("network", "disconnect", "bar", "api");
    await docker.ok("network", "disconnect", "bar", "plain");
    assert.deepEqual((await services("bar")).map(({ name }) => name), ["other"]);
    await ping("api", "db");
    await docker.ok("rm", "-f", "plain");
  });

  await step(
    "a container that ends takes its service along; one that starts has it again",
    async () => {
      await docker.ok("kill", "api");
      await until("it is gone", async () => !(await host.ok("service", "ls")).includes("api"));
      await docker.ok("start", "api");
      await host.ok(..."run --rm --net foo -- ping -c1 -W2 api".split(" "));
      await docker.ok("restart", "-t", "0", "api");
      await host.ok(..."run --rm --net foo -- ping -c1 -W2 api".split(" "));
      await ping("api", "db");
    },
  );

  await docker.sleeper("always", "--net", "foo", "--restart", "always");
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    await step(`netsvc is restarted alone - ${signal}`, async () => {
      await host.stop(signal);
      await host.start();
      await ping("api", "db");
      await host.ok(..."run --rm --net foo -- ping -c1 -W2 api".split(" "));
      await docker.ok("run", "--rm", "--net", "foo", "box", "ping", "-c1", "-W2", "api");
    });
    await step(`Docker is restarted alone - ${signal}`, async () => {
      await docker.stop(signal);
      await docker.start();
      await until("it is gone", async () => !(await host.ok("service", "ls")).includes("api"));
      await docker.ok("start", "api");
      await ping("api", "db");
      await host.ok(..."run --rm --net foo -- ping -c1 -W2 api".split(" "));
      await until(
        "what Docker starts by itself is there again",
        async () => (await inside("api", "ping", "-c1", "-W2", "always")).code === 0,
      );
      await ping("always", "db");
    });
  }
  await docker.ok("rm", "-f", "always");

  await step("a container that ends while netsvc is away is gone when it is back", async () => {
    await host.stop("SIGKILL");
    // Docker goes on trying to tell netsvc for a while, and nobody can use the container meanwhile.
    const killed = docker.run("kill", "api");
    await host.start();
    await killed;
    await until("it is gone", async () => !(await host.ok("service", "ls")).includes("api"));
    await docker.ok("rm", "-f", "api");
  });

  await step("what can't be says so", async () => {
    const create = ["network", "create", "-d", plugged.driver, "--ipam-driver", plugged.driver];
    await fails(/No such network: "nope"/, ...create, "-o", "netsvc.network=nope", "nope");
    await fails(
      /isn't that of netsvc's network/,
      ...create,
      "-o",
      "netsvc.network=foo",
      "--subnet",
      "10.1.2.0/24",
      "nope",
    );
    await host.fails(
      1,
      /Cannot remove network "bar": it is the network [0-9a-f]{12} of this host's Docker/,
      ..."network rm bar".split(" "),
    );
    await fails(/Unknown option "netsvc.netwrok"/, ...create, "-o", "netsvc.netwrok=foo", "nope");
    await docker.sleeper("db", "--net", "foo");
    assert.match(await host.ok("service", "ls"), /db-\S+ +foo/);
    await docker.ok("rm", "-f", "db");
  });

  await step("a container that is renamed gives its name free", async () => {
    await docker.sleeper("blue", "--net", "foo");
    await docker.ok("rename", "blue", "old.blue");
    await until("it is known", async () => / old-blue +foo/.test(await host.ok("service", "ls")));
    await docker.sleeper("blue", "--net", "foo");
    await until("so is the new one", async () => / blue +foo/.test(await host.ok("service", "ls")));
    await docker.ok("rm", "-f", "blue", "old.blue");
  });

  await step("netsvc's network is removed and made again", async () => {
    await host.ok("network", "rm", "-f", "bar");
    await fails(/No such network: "bar"/, "run", "--rm", "--net", "bar", "box", "true");
    await host.ok("network", "create", "bar");
    await docker.ok("run", "--rm", "--net", "bar", "box", "true");
  });

  await step("a static address, and a network that is named like Docker's", async () => {
    await host.ok("network", "create", "--subnet", "10.77.0.0/24", "fixed");
    await plugged.createNetwork("fixed", "--subnet", "10.77.0.0/24", "--gateway", "10.77.0.1");
    await docker.sleeper("still", "--net", "fixed", "--ip", "10.77.0.9");
    assert.deepEqual((await services("fixed"))[0]?.addresses, ["10.77.0.9/24"]);
    await docker.ok("rm", "-f", "still");
    await docker.ok("network", "rm", "fixed");
  });

  await step("IPv6", async () => {
    await host.ok("network", "create", "--ipv6", "six");
    await plugged.createNetwork("six", "--ipv6", "-o", "netsvc.network=six");
    await docker.sleeper("s1", "--net", "six");
    const shown = "{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}";
    const ip = await docker.ok("inspect", "-f", shown, "s1");
    assert.ok(
      (await services("six"))[0]?.addresses.some((address) => address.startsWith(`${ip}/`)),
    );
    for (let i = 0; i < 2; i++) {
      await docker.ok("run", "--rm", "--net", "six", "box", "ping", "-6", "-c1", "-W2", "s1");
    }
    await docker.ok("rm", "-f", "s1");
    await docker.ok("network", "rm", "six");
  });

  await step("Compose", async () => {
    const file = `${host.directory}/docker-compose.yml`;
    const service = { image: "box", command: "sleep 1000" };
    await Deno.writeTextFile(
      file,
      JSON.stringify({
        version: "3.7",
        services: {
          front: { ...service, networks: ["there", "own"] },
          back: { ...service, networks: { there: { aliases: ["store"] } } },
        },
        networks: {
          there: {
            driver: plugged.driver,
            driver_opts: { "netsvc.network": "foo" },
            ipam: { driver: plugged.driver },
          },
          own: { driver: plugged.driver },
        },
      }),
    );
    const compose = (...words: string[]) =>
      ok(["docker-compose", "-p", "shop", "-f", file, ...words], {
        env: { DOCKER_HOST: `unix://${docker.socket}` },
        timeout: 120_000,
      });
    await compose("up", "-d");
    for (const name of ["back", "store", "db", "shop_back_1"]) await ping("shop_front_1", name);
    await host.ok(..."run --rm --net foo -- ping -c1 -W2 shop_back_1".split(" "));
    await until(
      "its alias is known",
      async () => (await host.run("run --rm --net foo -- ping -c1 -W2 back".split(" "))).code === 0,
    );
    assert.match(await host.ok("service", "ls"), /shop_front_1 +shop_own/);
    await compose("down", "-t", "0");
    assert.doesNotMatch(await host.ok("network", "ls"), /shop/);
  });

  await step("Docker's own addresses, on a network made for it", async () => {
    await docker.ok("network", "create", "-d", plugged.driver, "made");
    await docker.sleeper("one", "--net", "made");
    await docker.ok("run", "--rm", "--net", "made", "box", "ping", "-c1", "-W2", "one");
    await host.ok(..."run --rm --net made -- ping -c1 -W2 one".split(" "));
    await docker.ok("rm", "-f", "one");
    await docker.ok("network", "rm", "made");
    assert.doesNotMatch(await host.ok("network", "ls"), /made/);
  });

  await step("nothing is left", async () => {
    await empty("fixed");
    await docker.ok("network", "rm", "foo", "bar");
    assert.deepEqual((await services("foo")).map(({ name }) => name), ["db"]);
    assert.equal((await host.links()).filter((name) => name.startsWith("nsv")).length, 1);
    assert.doesNotMatch(await host.ok("container", "ls"), /docker/);
  });
});
