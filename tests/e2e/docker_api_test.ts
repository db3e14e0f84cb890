/** The unmodified docker command, and Compose, drive netsvc; a real dockerd is behind it. */
import assert from "node:assert/strict";
import { ok, type Result, run, type RunOptions, until } from "../harness/command.ts";
import { TestDocker } from "../harness/docker.ts";
import { TestHost } from "../harness/host.ts";

/** The docker commands of this machine: the first one found, and Debian's. */
async function commands(): Promise<string[]> {
  const found = await ok(["sh", "-c", "command -v docker"]);
  const all = await Promise.all([found, "/usr/bin/docker"].map((path) => Deno.realPath(path)));
  return [...new Set(all)];
}

/** A docker command at a socket. */
class DockerCommand {
  constructor(readonly program: string, readonly socket: string) {}

  run(words: string[], options: RunOptions = {}): Promise<Result> {
    return run([this.program, ...words], {
      ...options,
      env: { DOCKER_HOST: `unix://${this.socket}`, ...options.env },
    });
  }

  async ok(...words: string[]): Promise<string> {
    const result = await this.run(words);
    assert.equal(result.code, 0, `docker ${words.join(" ")}: ${result.stderr}`);
    return result.stdout.trimEnd();
  }

  /** It must fail with a sentence. */
  async fails(message: RegExp, ...words: string[]): Promise<void> {
    const { code, stderr } = await this.run(words);
    assert.notEqual(code, 0, words.join(" "));
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\{"message"/, "a sentence, not JSON");
  }
}

/** Keys of an object and of all objects in it, as paths; `*` for keys that are ids. */
function shape(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => shape(item, `${path}[]`));
  if (typeof value !== "object" || value === null) return [path];
  const entries = Object.entries(value);
  if (entries.length === 0) return [path];
  return entries.flatMap(([key, item]) =>
    shape(item, `${path}/${/^[0-9a-f]{64}$/.test(key) ? "*" : key}`)
  );
}

const EXAMPLE = [
  ...["--subnet", "10.88.0.0/24", "--gateway", "10.88.0.1", "--ip-range", "10.88.0.128/25"],
  ...["--aux-address", "printer=10.88.0.9", "--label", "team=blue", "--label", "plain"],
  ...["-o", "com.docker.network.driver.mtu=1400", "example"],
];

Deno.test("docker without a Docker engine", async (t) => {
  await using host = await TestHost.create({ flags: ["--docker-socket", "/nowhere/docker.sock"] });
  const docker = new DockerCommand("docker", host.socket);
  const api = async (path: string, ...words: string[]) => {
    const { status, body } = await host.api(path, ...words);
    return { status, body, message: body.startsWith("{") ? JSON.parse(body).message : undefined };
  };

  await t.step("it is negotiated with, and older and newer versions are told", async () => {
    const head = await ok(["curl", "-sSI", "--unix-socket", host.socket, "http://docker/_ping"]);
    assert.match(head, /^HTTP\/1.1 200/);
    assert.match(head, /^api-version: 1\.51\r?$/im);
    assert.match(head, /^ostype: linux\r?$/im);
    assert.equal((await api("/v1.24/networks")).status, 200);
    assert.equal((await api("/v1.51/networks")).status, 200);
    assert.deepEqual(
      await api("/v1.52/networks").then(({ status, message }) => [status, message]),
      [
        400,
        "client version 1.52 is too new. Maximum supported API version is 1.51",
      ],
    );
    assert.match((await api("/v1.23/networks")).message, /^client version 1.23 is too old/);
    assert.equal(JSON.parse((await api("/v1.51/version")).body).ApiVersion, "1.51");
    assert.match(await docker.ok("version"), /netsvc/);
  });

  await t.step(
    "a path without a version is Docker's, whoever asks and however it calls the host",
    async () => {
      const [bare] = JSON.parse((await api("/networks")).body);
      assert.deepEqual(bare, JSON.parse((await api("/v1.51/networks")).body)[0]);
      assert.ok("Id" in bare && !("id" in bare));
      const hosts = ["docker", "x", "%2Frun%2Fnetsvc.sock", "2f72756e2f6e65747376632e736f636b", ""];
      for (const name of hosts) {
        assert.equal((await api("/networks", "-H", `host: ${name}`)).status, 200, name);
      }
      assert.match((await api("/info")).message, /No Docker engine is behind netsvc/);
      assert.match((await api("/containers/json")).message, /No Docker engine is behind netsvc/);
    },
  );

  await t.step("errors are what the command prints as sentences", async () => {
    const answer = await ok([
      ...["curl", "-sSi", "--unix-socket", host.socket, "http://docker/v1.51/networks/nosuch"],
    ]);
    assert.match(answer, /^HTTP\/1.1 404/);
    assert.match(answer, /^content-type: application\/json\r?$/im);
    assert.match(answer, /\{"message":"network nosuch not found"\}$/);
    await docker.fails(/No Docker engine is behind netsvc/, "ps");
    await docker.fails(/No such container: nosuch/, "network", "connect", "none", "nosuch");
    await docker.fails(/network nosuch not found/, "network", "rm", "nosuch");
    // Refused before its body is read, and told all the same.
    await docker.fails(/network nosuch not found/, "network", "connect", "nosuch", "box");
    await docker.fails(/"host": it is predefined/, "network", "rm", "host");
    await docker.fails(/Unknown driver "nosuch"/, "network", "create", "-d", "nosuch", "x");
    await docker.fails(/Unknown option "nosuch"/, "network", "create", "-o", "nosuch=1", "x");
    await docker.fails(/invalid filter 'nosuch'/, "network", "ls", "--filter", "nosuch=1");
    await docker.fails(/"nosuch" not found/, "network", "create", "--config-from", "nosuch", "x");
    const post = ["-X", "POST", "-H", "content-type: application/json", "-d"];
    assert.equal((await api("/v1.51/networks/create", ...post, "{")).status, 400);
    assert.match((await api("/v1.51/networks/create", ...post, "{}")).message, /"Name"/);
    const type = await api("/v1.51/networks/create", "-d", "{}");
    assert.match(type.message, /must be 'application\/json'/);
    const large = await ok(["sh", "-c", "yes x | head -c 1100000"]);
    await Deno.writeTextFile(`${host.directory}/large`, JSON.stringify({ Name: large }));
    assert.equal(
      (await api("/v1.51/networks/create", ...post, `@${host.directory}/large`)).status,
      413,
    );
  });

  await t.step("browser pages are still refused", async () => {
    for (const header of ["origin: http://evil.example", "sec-fetch-site: cross-site"]) {
      assert.equal((await api("/v1.51/networks", "-H", header)).status, 403);
    }
    assert.equal((await api("/v1.51/networks", "-H", "host: evil.example")).status, 403);
  });

  await t.step("a container of netsvc's is connected by name", async () => {
    await docker.ok("network", "create", "own");
    await host.ok("container", "create", "--name", "box");
    await docker.ok("network", "connect", "--alias", "other", "own", "box");
    assert.match(await docker.ok("network", "inspect", "own"), /"Name": "box"/);
    await docker.fails(/has 1 service: box/, "network", "rm", "own");
    await docker.ok("network", "disconnect", "own", "box");
    await docker.fails(/not connected to network own/, "network", "disconnect", "own", "box");
    await docker.ok("network", "rm", "own");
  });
});

Deno.test("docker with a Docker engine behind", async (t) => {
  await using engine = await TestDocker.create();
  await using host = await TestHost.create({ flags: ["--docker-socket", engine.socket] });
  const found = await commands();
  const docker = new DockerCommand(found[0]!, host.socket);
  const direct = new DockerCommand(found[0]!, engine.socket);
  const containersOf = async (network: string): Promise<string[]> => {
    const format = "{{range .Containers}}{{.Name}} {{end}}";
    const text = await docker.ok("network", "inspect", "-f", format, network);
    return text.split(" ").filter(Boolean).sort();
  };
  const addressOf = async (container: string): Promise<string> =>
    (await docker.ok("exec", container, "busybox", "ip", "-o", "-4", "addr"))
      .match(/eth\d+ +inet ([^/]+)/)?.[1] ?? "";

  for (const program of found) {
    await t.step(`networks by ${program}`, async () => {
      const docker = new DockerCommand(program, host.socket);
      const id = await docker.ok("network", "create", ...EXAMPLE);
      assert.match(id, /^[0-9a-f]{64}$/);
      await docker.fails(/already exists/, "network", "create", "example");
      const [byName] = JSON.parse(await docker.ok("network", "inspect", "example"));
      const [byPrefix] = JSON.parse(await docker.ok("network", "inspect", id.slice(0, 12)));
      assert.deepEqual(byName, byPrefix);
      assert.deepEqual(byName.Labels, { team: "blue", plain: "" });
      assert.deepEqual(byName.IPAM.Config, [{
        Subnet: "10.88.0.0/24",
        IPRange: "10.88.0.128/25",
        Gateway: "10.88.0.1",
        AuxiliaryAddresses: { printer: "10.88.0.9" },
      }]);
      const ls = (...filters: string[]) =>
        docker.ok(
          ...["network", "ls", "--format", "{{.Name}}/{{.Driver}}/{{.Scope}}"],
          ...filters.flatMap((filter) => ["--filter", filter]),
        );
      assert.equal(await ls("label=team=blue"), "example/bridge/local");
      assert.equal(await ls("label=team=red"), "");
      assert.equal(
        await ls("name=xampl", "driver=bridge", "dangling=true"),
        "example/bridge/local",
      );
      assert.equal(await ls("type=custom"), "example/bridge/local");
      assert.match(await ls(), /^none\/null\/local$/m);
      await docker.ok("network", "create", "-d", "overlay", "--ipv6", "far");
      assert.equal(await ls("scope=global"), "far/overlay/global");
      assert.equal(await docker.ok("network", "rm", "far"), "far");
      const prune = ["network", "prune", "-f", "--filter"];
      assert.equal(await docker.ok(...prune, "until=1h"), "");
      assert.equal(await docker.ok(...prune, "label!=team=blue"), "");
      assert.match(await docker.ok(...prune, "label=team=blue"), /example/);
      assert.equal(await ls("type=custom"), "");
    });
  }

  await t.step("a network looks as dockerd's own does", async () => {
    for (const command of [docker, direct]) {
      await command.ok("network", "create", ...EXAMPLE);
      await command.ok("run", "-d", "--name", `like-${command === docker}`, "--net", "example", ...[
        "box",
        "sleep",
        "1000",
      ]);
    }
    const inspect = async (command: DockerCommand) => {
      const { stdout } = await command.run(["network", "inspect", "example"]);
      return shape(JSON.parse(stdout)).filter((path) => !path.endsWith("/EnableIPv4")).sort();
    };
    assert.deepEqual(await inspect(docker), await inspect(direct));
    const keys = async (command: DockerCommand, name: string) => {
      const text = await command.ok("inspect", "-f", "{{json .NetworkSettings}}", name);
      // Newer engines fill it, the command makes it up for older ones.
      return shape(JSON.parse(text)).filter((path) => !path.includes("/DNSNames")).sort();
    };
    assert.deepEqual(await keys(docker, "like-true"), await keys(direct, "like-false"));
    await docker.ok("rm", "-f", "like-true", "like-false");
    await docker.ok("network", "rm", "example");
    await direct.ok("network", "rm", "example");
  });

  await t.step("docker run --net puts a container on a network of netsvc's", async () => {
    await docker.ok("network", "create", "--subnet", "10.89.0.0/24", "net");
    await docker.ok("run", "-d", "--name", "web", "--net", "net", "--network-alias", "www", ...[
      "--network-alias",
      "www.example.test",
      "--ip",
      "10.89.0.77",
      "-p",
      "127.0.0.1:8081:80",
      "box",
      "busybox",
      "nc",
    ], ...["-ll", "-p", "80", "-e", "echo", "hello"]);
    await docker.ok("run", "-d", "--name", "api", "--net", "net", "box", "sleep", "1000");
    assert.equal(await addressOf("web"), "10.89.0.77");
    assert.deepEqual(await containersOf("net"), ["api", "web"]);
    for (const name of ["web", "www", "web.net", "www.example.test"]) {
      const heard = await docker.ok("exec", "api", "busybox", "nc", "-w", "5", name, "80");
      assert.equal(heard, "hello", name);
    }
    assert.equal(
      (await host.namespace.ok(["busybox", "nc", "-w", "5", "127.0.0.1", "8081"])).trim(),
      "hello",
    );
    const ps = ["ps", "--format", "{{.Names}} {{.Networks}} {{.Ports}}", "--filter", "network=net"];
    assert.equal(await docker.ok(...ps), "api net \nweb net 127.0.0.1:8081->80/tcp".trim());
    assert.match(await docker.ok("port", "web"), /80\/tcp -> 127.0.0.1:8081/);
    const mode = "{{.HostConfig.NetworkMode}} {{.NetworkSettings.Networks.net.IPAddress}}";
    assert.equal(await docker.ok("inspect", "-f", mode, "web"), "net 10.89.0.77");
    await docker.fails(/network nosuch not found/, "run", "--net", "nosuch", "box", "sleep", "1");
    await docker.fails(
      /10\.89\.0\.77/,
      "run",
      "--rm",
      "--net",
      "net",
      "--ip",
      "10.89.0.77",
      "box",
      ...["sleep", "1000"],
    );
    assert.deepEqual(await containersOf("net"), ["api", "web"]);
  });

  await t.step("attach, exec and run carry bytes both ways", async () => {
    const text = "x".repeat(200_000);
    const cat = ["run", "--rm", "-i", "--net", "net", "box", "busybox", "cat"];
    assert.equal((await docker.run(cat, { stdin: text })).stdout, text);
    const exec = await docker.run(["exec", "-i", "api", "busybox", "cat"], { stdin: text });
    assert.equal(exec.stdout, text);
    const code = await docker.run(["exec", "api", "busybox", "sh", "-c", "exit 7"]);
    assert.equal(code.code, 7);
    await docker.fails(/No such container: nosuch/, "exec", "nosuch", "true");
    await Deno.writeTextFile(`${host.directory}/big`, "y".repeat(3_000_000));
    await docker.ok("cp", `${host.directory}/big`, "api:/big");
    assert.match(await docker.ok("exec", "api", "busybox", "wc", "-c", "/big"), /^3000000 /);
  });

  await t.step("a container has its networks from its first instruction on", async () => {
    for (let i = 0; i < 3; i++) {
      const heard = await docker.ok(
        "run",
        "--rm",
        "--net",
        "net",
        "box",
        "busybox",
        "nc",
        "-w",
        ...["5", "web", "80"],
      );
      assert.equal(heard, "hello");
    }
    assert.deepEqual(await containersOf("net"), ["api", "web"]);
  });

  await t.step("connect and disconnect, running and not", async () => {
    await docker.ok("network", "create", "second");
    await docker.ok("network", "connect", "--alias", "alt", "second", "api");
    await docker.fails(/already exists in network second/, "network", "connect", "second", "api");
    assert.deepEqual(await containersOf("second"), ["api"]);
    await docker.fails(/has 1 service: api/, "network", "rm", "second");
    await docker.ok("network", "disconnect", "net", "api");
    assert.deepEqual(await containersOf("net"), ["web"]);
    await docker.ok("restart", "-t", "0", "api");
    assert.deepEqual(await containersOf("second"), ["api"]);
    await docker.ok("stop", "-t", "0", "api");
    assert.deepEqual(await containersOf("second"), []);
    await docker.ok("network", "connect", "net", "api");
    await docker.ok("network", "disconnect", "second", "api");
    await docker.ok("start", "api");
    assert.deepEqual(await containersOf("net"), ["api", "web"]);
    await docker.ok("network", "rm", "second");
  });

  await t.step("a container that is renamed is reached by its new name", async () => {
    const found = async (name: string) =>
      (await docker.run(["exec", "web", "busybox", "nslookup", name])).code === 0;
    await docker.ok("rename", "api", "old-api");
    await until("old-api is known", () => found("old-api"));
    assert.equal(await found("api"), false);
    assert.deepEqual(await containersOf("net"), ["old-api", "web"]);
    await docker.ok("run", "-d", "--name", "api", "--net", "net", "box", "sleep", "1000");
    assert.deepEqual(await containersOf("net"), ["api", "old-api", "web"]);
    await docker.ok("rm", "-f", "api");
    // Behind netsvc's back, too.
    await host.stop("SIGKILL");
    await direct.ok("rename", "old-api", "api");
    await host.start();
    await until("api is known again", () => found("api"));
    assert.deepEqual(await containersOf("net"), ["api", "web"]);
    assert.match(await host.ok("container", "ls"), / api /);
  });

  await t.step("a network that was made again is as good", async () => {
    await docker.ok("network", "create", "again");
    await docker.ok("create", "--name", "late", "--net", "again", "box", "sleep", "1000");
    await docker.ok("run", "-d", "--name", "early", "--net", "again", "box", "sleep", "1000");
    await docker.ok("stop", "-t", "0", "early");
    await docker.ok("network", "rm", "again");
    await docker.fails(/network again not found/, "start", "early");
    await docker.ok("network", "create", "again");
    for (const name of ["early", "late"]) await docker.ok("start", name);
    assert.deepEqual(await containersOf("again"), ["early", "late"]);
    await docker.ok("exec", "early", "busybox", "ping", "-qc1", "late");
    await docker.ok("network", "disconnect", "again", "early");
    assert.deepEqual(await containersOf("again"), ["late"]);
    await docker.ok("network", "connect", "again", "early");
    assert.match(await host.ok("network", "rm", "-f", "again"), /^again$/m);
    await docker.ok("rm", "-f", "early", "late");
  });

  const api = async (method: string, path: string, body?: unknown) => {
    const data = body === undefined ? [] : ["--json", JSON.stringify(body)];
    const answer = await host.api(`/v1.44${path}`, "-X", method, ...data);
    return {
      status: answer.status,
      body: answer.body === "" ? undefined : JSON.parse(answer.body),
    };
  };
  const create = async (name: string, body: Record<string, unknown>) => {
    const path = `/containers/create?name=${name}`;
    const made = await api("POST", path, { Image: "box", Cmd: ["sleep", "1000"], ...body });
    if (made.status === 201) await docker.ok("start", name);
    return made;
  };
  const networksOf = async (name: string) =>
    Object.keys((await api("GET", `/containers/${name}/json`)).body.NetworkSettings.Networks)
      .sort();
  const inside = async (name: string, ...words: string[]) =>
    (await docker.run(["exec", name, "busybox", ...words])).stdout.trim();
  const waysOut = async (name: string) =>
    (await inside(name, "ip", "route")).split("\n").filter((line) => line.startsWith("default"));

  await t.step(
    "a container is on the networks that are named for it, and on no other",
    async () => {
      await docker.ok("network", "create", "--internal", "jail");
      await docker.ok("network", "create", "yard");
      const on = (...names: string[]) => ({
        NetworkingConfig: { EndpointsConfig: Object.fromEntries(names.map((name) => [name, {}])) },
      });
      await create("jailed", on("jail"));
      assert.deepEqual(await networksOf("jailed"), ["jail"]);
      assert.deepEqual(await waysOut("jailed"), []);
      await create("both", { ...on("jail", "yard"), HostConfig: { NetworkMode: "jail" } });
      assert.deepEqual(await networksOf("both"), ["jail", "yard"]);
      await create("other", { ...on("yard"), HostConfig: { NetworkMode: "jail" } });
      assert.deepEqual(await networksOf("other"), ["yard"]);
      await create("off", { NetworkDisabled: true });
      assert.deepEqual(await networksOf("off"), []);
      const host = await create("host", { ...on("jail"), HostConfig: { NetworkMode: "host" } });
      assert.match(host.body.message, /can't be on network "jail" as well/);
      await docker.ok("rm", "-f", "jailed", "both", "other", "off");
    },
  );

  await t.step("what an endpoint asks for is done, or refused in a sentence", async () => {
    const [MacAddress, ifname] = ["02:00:00:00:0a:01", "com.docker.network.endpoint.ifname"];
    const made = await create("asks", {
      NetworkingConfig: {
        EndpointsConfig: {
          jail: { GwPriority: 3 },
          yard: { MacAddress, DriverOpts: { [ifname]: "lan0", "com.example.x": "1" } },
        },
      },
    });
    assert.match(made.body.Warnings.join(), /"com.example.x" of network "yard" means nothing/);
    assert.match(await inside("asks", "ip", "addr", "show", "lan0"), new RegExp(MacAddress));
    const { Config, NetworkSettings } = (await api("GET", "/containers/asks/json")).body;
    assert.equal(Config.MacAddress, MacAddress);
    assert.equal(NetworkSettings.Networks.yard.DriverOpts[ifname], "lan0");
    assert.equal(NetworkSettings.Networks.jail.GwPriority, 3);
    const yard = (config: unknown) =>
      create("no", { NetworkingConfig: { EndpointsConfig: { yard: config } } });
    const sctp = { "9/sctp": [{ HostPort: "9" }] };
    for (
      const [answer, message] of [
        [await yard({ DriverOpts: { [ifname]: "a/b" } }), /use 1 to 15 letters/],
        [await yard({ DriverOpts: { "com.docker.network.endpoint.sysctls": "x" } }), /--sysctl/],
        [await yard({ IPAMConfig: { LinkLocalIPs: ["169.254.9.9"] } }), /leave it out/],
        [await yard({ Aliases: ["a b"] }), /Invalid alias/],
        [
          await create("no", { HostConfig: { PortBindings: sctp } }),
          /netsvc publishes tcp and udp/,
        ],
        [await create("no", { HostConfig: { Links: ["nosuch:x"] } }), /No such container: nosuch/],
      ] as const
    ) {
      assert.equal(answer.status, 400);
      assert.match(answer.body.message, message);
    }
    await docker.ok("rm", "-f", "asks");
    await docker.ok("network", "rm", "jail");
  });

  await t.step("who leads out goes by priority and name, running and after a restart", async () => {
    await docker.ok("network", "create", "alley");
    await docker.ok("run", "-d", "--name", "way", "--net", "yard", "-p", "8199:80", "box", ...[
      ...["busybox", "nc", "-ll", "-p", "80", "-e", "echo", "hello"],
    ]);
    const leads = async (network: string) => {
      const gateway = await docker.ok(
        "inspect",
        "-f",
        "{{(index .IPAM.Config 0).Gateway}}",
        network,
      );
      const routes = await waysOut("way");
      assert.equal(routes.length, 1);
      assert.match(routes[0]!, new RegExp(`^default via ${gateway} `), network);
      const from = ["busybox", "nc", "-w", "5", "127.0.0.1", "8199"];
      assert.equal((await host.namespace.ok(from)).trim(), "hello", network);
    };
    await leads("yard");
    await docker.ok("network", "connect", "alley", "way");
    await leads("alley");
    await docker.ok("restart", "-t", "0", "way");
    await leads("alley");
    await docker.ok("network", "disconnect", "yard", "way");
    const priority = { Container: "way", EndpointConfig: { GwPriority: 10 } };
    assert.equal((await api("POST", "/networks/yard/connect", priority)).status, 200);
    await leads("yard");
    await docker.ok("restart", "-t", "0", "way");
    await leads("yard");
    await docker.ok("network", "disconnect", "yard", "way");
    await leads("alley");
    await docker.ok("rm", "-f", "way");
    await docker.ok("network", "rm", "alley");
  });

  await t.step("ports that are only exposed are shown, and filtered by", async () => {
    const expose = ["--expose", "79", "--expose", "53/udp", "-p", "8198:81"];
    await docker.ok("run", "-d", "--name", "ports", ...expose, "box", "sleep", "1000");
    const { Ports } = (await api("GET", "/containers/ports/json")).body.NetworkSettings;
    assert.deepEqual(Object.keys(Ports).sort(), ["53/udp", "79/tcp", "81/tcp"]);
    assert.equal(Ports["79/tcp"], null);
    assert.deepEqual(Ports["81/tcp"][0], { HostIp: "0.0.0.0", HostPort: "8198" });
    const ps = (...filters: string[]) =>
      docker.ok(
        ...["ps", "--format", "{{.Names}}"],
        ...filters.flatMap((filter) => ["--filter", filter]),
      );
    const listed = await docker.ok("ps", "--format", "{{.Ports}}", "--filter", "name=ports");
    assert.match(listed, /^53\/udp, 79\/tcp, 0\.0\.0\.0:8198->81\/tcp/);
    for (const filter of ["publish=8198", "publish=8100-8200/tcp", "expose=79", "expose=53/udp"]) {
      assert.equal(await ps(filter), "ports", filter);
    }
    for (const filter of ["publish=79", "expose=53", "publish=8198/udp"]) {
      assert.equal(await ps(filter), "", filter);
    }
    await docker.ok("rm", "-f", "ports");
  });

  await t.step("networks have names, options and subnets as Docker takes them", async () => {
    const make = (...words: string[]) => docker.ok("network", "create", ...words);
    const names = ["my.net", "My Net", "UPPER", "upper", "n".repeat(80)];
    for (const name of names) await make(name);
    for (const name of names) {
      await docker.fails(/already exists/, "network", "create", name);
      assert.equal(await docker.ok("network", "inspect", "-f", "{{.Name}}", name), name);
      const filter = ["--no-trunc", "--format", "{{.Name}}", "--filter", `name=^${name}$`];
      assert.equal(await docker.ok("network", "ls", ...filter), name);
    }
    assert.match(await host.ok("network", "ls"), / my-net /);
    await docker.ok("run", "-d", "--name", "dotted", "--net", "my.net", "box", "sleep", "1000");
    assert.deepEqual(await networksOf("dotted"), ["my.net"]);
    await docker.ok("network", "connect", "upper", "dotted");
    assert.deepEqual(await containersOf("UPPER"), []);
    assert.deepEqual(await containersOf("upper"), ["dotted"]);
    await docker.ok("restart", "-t", "0", "dotted");
    assert.deepEqual(await networksOf("dotted"), ["my.net", "upper"]);
    await docker.ok("rm", "-f", "dotted");
    assert.deepEqual((await docker.ok("network", "rm", ...names)).split("\n"), names);

    const vendor = "com.example.vendor", prefix = "com.docker.network.container_iface_prefix";
    const gateway = "com.docker.network.bridge.gateway_mode_ipv4";
    const options = [`${vendor}=1`, `${prefix}=lan`, `${gateway}=nat`].flatMap((o) => ["-o", o]);
    await make(...options, "--attachable", "--ipam-opt", "a=b", "--subnet", "10.92.0.7/24", "opts");
    const [{ Options, IPAM, Attachable }] = JSON.parse(
      await docker.ok("network", "inspect", "opts"),
    );
    assert.deepEqual(Options, { [vendor]: "1", [prefix]: "lan", [gateway]: "nat" });
    assert.deepEqual([IPAM.Options, Attachable], [{ a: "b" }, true]);
    assert.equal(IPAM.Config[0].Subnet, "10.92.0.0/24");
    const links = ["run", "--rm", "--net", "opts", "box", "busybox", "ls", "/sys/class/net"];
    assert.equal(await docker.ok(...links), "lan0\nlo");
    await docker.ok("network", "rm", "opts");
    const inhibit = "com.docker.network.bridge.inhibit_ipv4=true";
    await docker.fails(/leave it out/, "network", "create", "-o", inhibit, "no");
    await docker.fails(
      /no driver "macvlan": use "bridge"/,
      "network",
      "create",
      "-d",
      "macvlan",
      "no",
    );
    await docker.fails(/no driver "ipvlan"/, "network", "create", "-d", "ipvlan", "no");
    const six = { Name: "six", EnableIPv4: false, EnableIPv6: true };
    assert.equal((await api("POST", "/networks/create", six)).status, 201);
    const { body } = await api("GET", "/networks/six");
    assert.deepEqual([body.EnableIPv4, body.EnableIPv6, body.IPAM.Config.length], [false, true, 1]);
    await docker.ok("network", "rm", "six");
    const none = await api("POST", "/networks/create", { Name: "no", EnableIPv4: false });
    assert.match(none.body.message, /needs IPv6/);
  });

  await t.step("networks are made from a configuration that is kept", async () => {
    const config = ["--subnet", "10.94.0.0/24", "--label", "a=1", "-o", "com.example.x=1"];
    await docker.ok("network", "create", "--config-only", ...config, "kept");
    await docker.fails(/already exists/, "network", "create", "kept");
    const from = ["network", "create", "--config-from", "kept"];
    await docker.ok(...from, "--label", "b=2", "made");
    await docker.fails(/depends on a config/, ...from, "--subnet", "10.95.0.0/24", "no");
    const [kept, made] = JSON.parse(await docker.ok("network", "inspect", "kept", "made"));
    assert.deepEqual([kept.ConfigOnly, kept.Driver, made.ConfigFrom], [true, "null", {
      Network: "kept",
    }]);
    assert.deepEqual(made.IPAM.Config[0].Subnet, "10.94.0.0/24");
    assert.deepEqual(made.Labels, { a: "1", b: "2" });
    assert.deepEqual(made.Options, { "com.example.x": "1" });
    const ls = ["network", "ls", "--format", "{{.Name}}", "--filter", "label=a"];
    assert.equal(await docker.ok(...ls), "kept\nmade");
    await docker.fails(/--config-from kept/, "network", "connect", "kept", "web");
    await docker.fails(/is in use/, "network", "rm", "kept");
    await docker.ok("network", "rm", "made", "kept");
    assert.equal(await docker.ok(...ls), "");
    // As an inspection shows a container's name.
    await docker.ok("network", "create", "slash");
    for (const action of ["connect", "disconnect"]) {
      const { status } = await api("POST", `/networks/slash/${action}`, { Container: "/web" });
      assert.equal(status, 200);
      for (const [Container, code] of [["", 400], ["..", 404], ["a/b", 404], ["nosuch", 404]]) {
        const { status } = await api("POST", `/networks/slash/${action}`, { Container });
        assert.equal(status, code, `${action} ${Container}`);
      }
    }
    await docker.ok("network", "rm", "slash");
  });

  await t.step("events and statistics know netsvc's networks", async () => {
    const begin = Math.floor(Date.now() / 1000) - 1;
    await docker.ok("network", "create", "told");
    await docker.ok("run", "-d", "--name", "teller", "--net", "told", "box", "sleep", "1000");
    await docker.ok("exec", "teller", "busybox", "ping", "-qc3", "-i0.1", "web.net").catch(
      () => {},
    );
    await inside("teller", "nslookup", "teller");
    const gateway = await docker.ok(
      "inspect",
      "-f",
      "{{.NetworkSettings.Networks.told.Gateway}}",
      "teller",
    );
    await inside("teller", "arping", "-c1", "-w1", gateway);
    const { networks } = (await api("GET", "/containers/teller/stats?stream=0")).body;
    assert.deepEqual(Object.keys(networks), ["eth0"]);
    assert.ok(networks.eth0.tx_packets > 0);
    await docker.ok("rm", "-f", "teller");
    await docker.ok("network", "rm", "told");
    const events = async (...filters: string[]) => {
      const words = ["events", "--since", `${begin}`, "--until", "0s"];
      const format = "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}";
      const text = await docker.ok(
        ...words,
        "--format",
        format,
        ...filters.flatMap((f) => ["-f", f]),
      );
      return text.split("\n").filter(Boolean);
    };
    const told = ["create", "connect", "disconnect", "destroy"].map((a) => `network ${a} told`);
    assert.deepEqual(await events("network=told"), told);
    assert.deepEqual(await events("network=told", "event=connect"), told.slice(1, 2));
    assert.deepEqual(await events("type=network", "container=teller"), told.slice(1, 3));
    const all = await events();
    assert.ok(all.includes("container start teller") && all.includes(told[1]!));
    assert.ok(!all.some((line) => line.endsWith(" none")), `${all}`);
  });

  await t.step("a range of ports is one to choose from", async () => {
    const run = (name: string) =>
      docker.run(["run", "-d", "--name", name, "-p", "8100-8102:80", "box", "sleep", "1000"]);
    const names = ["r1", "r2", "r3"];
    for (const name of names) await run(name);
    const ports = () =>
      Promise.all(names.map(async (name) => (await docker.ok("port", name)).split("\n")[0]));
    const ranged = ["8100", "8101", "8102"].map((port) => `80/tcp -> 0.0.0.0:${port}`);
    assert.deepEqual(await ports(), ranged);
    const { code, stderr } = await run("r4");
    assert.equal(code, 125);
    assert.match(stderr, /Cannot publish a port of 8100-8102\/tcp: all of them are in use/);
    await docker.ok("rm", "-f", "r2", "r4");
    assert.equal((await run("r2")).code, 0);
    assert.deepEqual(await ports(), ranged);
    await docker.ok("rm", "-f", ...names);
    const own = ["--name", "own", "-p", "8100-8102:80", "--", "sleep", "100"];
    await host.ok("run", "-d", ...own);
    const [shown] = JSON.parse(await host.ok("container", "info", "own", "--format", "json"));
    assert.equal(shown.ports[0].hostPort, 8100);
    await host.ok("container", "rm", "-f", "own");
  });

  await t.step("a container that can't be started says why, and hasn't run", async () => {
    const held = ["run", "-d", "--name", "held", "-p", "8197:80", "box", "sleep", "1000"];
    await docker.ok(...held);
    const again = ["run", "-d", "--name", "again", "-p", "8197:80", "box", "sleep", "1000"];
    await docker.fails(/8197\/tcp is already published by container "held"/, ...again);
    const { State } = (await api("GET", "/containers/again/json")).body;
    assert.deepEqual([State.Status, State.ExitCode], ["created", 128]);
    assert.match(State.Error, /8197\/tcp is already published by container "held"/);
    await docker.ok("rm", "-f", "held");
    await docker.ok("start", "again");
    assert.equal((await api("GET", "/containers/again/json")).body.State.Error, "");
    await docker.ok("rm", "-f", "again");
    assert.equal(
      await docker.ok("run", "--rm", "--pid", "host", "box", "busybox", "echo", "short"),
      "short",
    );
  });

  await t.step("a container leaves none before it joins another network", async () => {
    await docker.ok("run", "-d", "--name", "alone", "--net", "none", "box", "sleep", "1000");
    await docker.fails(/in private \(none\) mode/, "network", "connect", "yard", "alone");
    await docker.ok("network", "disconnect", "none", "alone");
    assert.deepEqual(await networksOf("alone"), []);
    await docker.ok("network", "connect", "yard", "alone");
    assert.deepEqual(await networksOf("alone"), ["yard"]);
    await docker.ok("rm", "-f", "alone");
  });

  await t.step("an address that a stopped container asked for waits for it", async () => {
    await docker.ok("network", "create", "--subnet", "10.91.0.0/29", "small");
    const run = (name: string, ...options: string[]) =>
      docker.ok("run", "-d", "--name", name, "--net", "small", ...options, "box", "sleep", "1000");
    await run("keeps", "--ip", "10.91.0.2");
    await docker.ok("stop", "-t", "0", "keeps");
    const others = ["o1", "o2", "o3", "o4"];
    const addresses = [];
    for (const name of others) {
      await run(name);
      addresses.push(await addressOf(name));
    }
    assert.ok(!addresses.includes("10.91.0.2"), `${addresses}`);
    await docker.ok("start", "keeps");
    assert.equal(await addressOf("keeps"), "10.91.0.2");
    await docker.ok("rm", "-f", "keeps");
    // When nothing else is free it is anybody's.
    await docker.ok(
      "create",
      "--name",
      "late",
      "--net",
      "small",
      "--ip",
      "10.91.0.2",
      "box",
      "sleep",
      "1",
    );
    await run("o5");
    assert.equal(await addressOf("o5"), "10.91.0.2");
    await docker.ok("rm", "-f", ...others, "o5", "late");
    await docker.ok("network", "rm", "small");
  });

  await t.step("a host name is a name, and a MAC address in use is no obstacle", async () => {
    const [mac, sleep] = ["02:00:00:00:0b:01", ["box", "sleep", "1000"]];
    const yard = ["run", "-d", "--net", "yard", "--mac-address", mac];
    await docker.ok(...yard, "--name", "hosted", "--hostname", "hosty", ...sleep);
    await docker.ok(...yard, "--name", "again", ...sleep);
    assert.match(await inside("again", "nslookup", "hosty"), /172\./);
    assert.match(await inside("hosted", "ip", "link", "show", "eth0"), new RegExp(mac));
    await docker.ok("rm", "-f", "hosted", "again");
    await docker.ok("network", "rm", "yard");
  });

  await t.step("an address on the default network is shown where scripts look for it", async () => {
    await docker.ok("run", "-d", "--name", "plain", "box", "sleep", "1000");
    const shown = await docker.ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "plain");
    assert.equal(shown, await addressOf("plain"));
    assert.notEqual(shown, "");
    assert.equal(await docker.ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "web"), "");
    await docker.ok("rm", "-f", "plain");
  });

  await t.step("mistakes are said as briefly as they are", async () => {
    await docker.fails(
      /already; choose another name with -o name=(?!.* was given)/,
      ...["network", "create", "-o", "com.docker.network.bridge.name=lo", "clash"],
    );
    await docker.fails(/Invalid address "nope"/, "create", "--net", "net", "--ip", "nope", "box");
    assert.equal(await docker.ok("ps", "-aq", "--filter", "status=created"), "");
    const { body } = await host.api("/v1.41/networks/net/connect", "--json", `{"Container":""}`);
    assert.match(body, /value is empty/);
    const id = await docker.ok("network", "inspect", "-f", "{{.Id}}", "net");
    const on = ["ps", "--format", "{{.Names}}", "--filter", `network=${id.slice(0, 12)}`];
    assert.equal(await docker.ok(...on), "api\nweb");
  });

  await t.step("names of networks are filtered by patterns", async () => {
    const ls = (pattern: string) =>
      docker.ok("network", "ls", "--format", "{{.Name}}", "--filter", `name=${pattern}`);
    assert.equal(await ls("^net$"), "net");
    assert.equal(await ls("^ne$"), "");
    assert.equal(await ls("n.t"), "net");
    assert.equal(await ls("[n"), "");
  });

  await t.step("a connect that is refused leaves a container as it was", async () => {
    const ids = await Promise.all(
      ["b0", "b1", "b2"].map((name) =>
        direct.ok("run", "-d", "--name", name, "box", "sleep", "999")
      ),
    );
    const files = await Promise.all(
      ids.map((id) => direct.ok("inspect", "-f", "{{.ResolvConfPath}}", id)),
    );
    const texts = () => Promise.all(files.map((file) => Deno.readTextFile(file)));
    const before = await texts();
    for (let i = 0; i < 8; i++) {
      await Promise.all(ids.map(async (Container) => {
        const endpoint = { IPAMConfig: { IPv4Address: "10.89.0.77" } };
        const body = JSON.stringify({ Container, EndpointConfig: endpoint });
        const answer = await host.api("/v1.41/networks/net/connect", "--json", body);
        assert.match(answer.body, /10\.89\.0\.77/);
        assert.ok(answer.status >= 400);
      }));
      assert.deepEqual(await texts(), before);
      const kept = [...Deno.readDirSync(`${host.runDir}/containers`)].map(({ name }) => name);
      assert.deepEqual(kept.filter((id) => ids.includes(id)), []);
    }
  });

  await t.step("a connect that a SIGKILL has cut short is completed", async () => {
    await docker.ok("network", "connect", "net", "b0");
    await host.stop("SIGKILL");
    // As if it had been killed when the container was known, and its files weren't written yet.
    const [file, id] = (await direct.ok("inspect", "-f", "{{.ResolvConfPath}} {{.Id}}", "b0"))
      .split(" ") as [string, string];
    const directory = `${host.runDir}/containers/${id}`;
    await Deno.copyFile(`${directory}/before.resolv.conf`, file);
    await Deno.remove(directory, { recursive: true });
    await host.start();
    const found = await direct.run(["exec", "b0", "busybox", "nslookup", "web"]);
    assert.match(found.stdout, /10\.89\.0\.77/);
    await direct.ok("rm", "-f", "b0", "b1", "b2");
  });

  await t.step("what Docker starts behind netsvc's back follows, also after a gap", async () => {
    await direct.ok("restart", "-t", "0", "api");
    await until("api is back", async () => (await containersOf("net")).includes("api"));
    await host.stop("SIGKILL");
    await direct.ok("restart", "-t", "0", "api");
    await direct.ok("rm", "-f", "web");
    await host.start();
    await until("api alone is there", async () => `${await containersOf("net")}` === "api");
    assert.match(await docker.ok("exec", "api", "busybox", "nslookup", "api"), /10\.89\.0\./);
  });

  await t.step("compose up, down", async () => {
    const directory = `${host.directory}/project`;
    await Deno.mkdir(directory);
    await Deno.writeTextFile(`${directory}/docker-compose.yml`, PROJECT);
    const env = { DOCKER_HOST: `unix://${host.socket}`, COMPOSE_ANSI: "never" };
    const compose = (...words: string[]) =>
      ok(["docker-compose", ...words], { cwd: directory, env, timeout: 120_000 });
    await compose("up", "-d");
    assert.deepEqual(await containersOf("project_back"), ["project_db_1", "project_web_1"]);
    assert.deepEqual(await containersOf("project_front"), ["project_web_1"]);
    assert.equal(await direct.ok("network", "ls", "-q", "--filter", "name=project"), "");
    for (const name of ["db", "store", "project_db_1"]) {
      const heard = await compose("exec", "-T", "web", "busybox", "nc", "-w", "5", name, "80");
      assert.equal(heard, "from db", name);
    }
    assert.match(await docker.ok("exec", "project_web_1", "busybox", "ip", "addr"), /10\.90\.0\.7/);
    const before = await docker.ok("ps", "-q", "--no-trunc");
    await compose("up", "-d");
    assert.equal(await docker.ok("ps", "-q", "--no-trunc"), before, "nothing is made again");
    await compose("down", "-t", "0");
    assert.equal(await docker.ok("network", "ls", "-q", "--filter", "name=project"), "");
  });

  await t.step("nothing is left behind", async () => {
    await docker.ok("rm", "-f", "api");
    await docker.ok("network", "rm", "net");
    assert.equal(await docker.ok("ps", "-aq"), "");
    assert.equal(await docker.ok("network", "ls", "-q", "--filter", "type=custom"), "");
    assert.equal(await host.ok("container", "ls", "-q"), "");
    assert.equal((await host.links()).filter((name) => name.startsWith("nsv")).length, 0);
  });
});

const PROJECT = `
version: "3"
services:
  db:
    image: box
    command: ["busybox", "nc", "-ll", "-p", "80", "-e", "echo", "from db"]
    networks: { back: { aliases: [store] } }
  web:
    image: box
    command: ["sleep", "1000"]
    depends_on: [db]
    networks: { back: {}, front: { ipv4_address: 10.90.0.7 } }
networks:
  back: {}
  front: { ipam: { config: [{ subnet: 10.90.0.0/24 }] } }
`;
