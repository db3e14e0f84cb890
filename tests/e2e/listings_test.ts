import assert from "node:assert/strict";
import { TestHost } from "../harness/host.ts";

/** Cells of the row that begins with a name in its second column, by the titles of the header. */
function row(table: string, name: string): Record<string, string> {
  const [header, ...lines] = table.split("\n") as [string, ...string[]];
  const titles = [...header.matchAll(/\S+(?: \S+)*/g)].map((match) => ({
    title: match[0],
    at: match.index,
  }));
  const cells = lines.map((line) =>
    Object.fromEntries(
      titles.map(({ title, at }, i) => [title, line.slice(at, titles[i + 1]?.at).trim()]),
    )
  );
  return cells.find((cell) => cell.NAME === name)!;
}

Deno.test("listings show addresses, ports, subnets, ages and commands", async (t) => {
  await using host = await TestHost.create();
  await host.ok("network", "create", "--subnet", "10.7.0.0/24", "--internal", "inner");
  await host.ok(
    ...[
      "network",
      "create",
      "--subnet",
      "10.8.0.0/24",
      "--subnet",
      "fd00:8::/64",
      "--ipv6",
      "dual",
    ],
  );
  await host.ok(
    ...["service", "publish", "--ip", "10.8.0.9", "--ip", "fd00:8::9", "--port", "web:80"],
    ...["--port", "53/udp", "shop.dual"],
  );

  await t.step("networks", async () => {
    const table = await host.ok("network", "ls");
    const { SUBNET, INTERNAL, SERVICES, TYPE } = row(table, "dual");
    assert.deepEqual(
      { SUBNET, INTERNAL, SERVICES, TYPE },
      { SUBNET: "10.8.0.0/24, fd00:8::/64", INTERNAL: "", SERVICES: "1", TYPE: "bridge" },
    );
    assert.equal(row(table, "inner").INTERNAL, "yes");
    assert.equal(row(table, "inner").SERVICES, "0");
    assert.equal(row(table, "none").SUBNET, "");
    const fields = "{{.Subnets}} {{.Gateways}} {{.Internal}} {{.Services}}";
    assert.equal(
      await host.ok("network", "ls", "-f", "name=dual", "--format", fields),
      "10.8.0.0/24,fd00:8::/64 10.8.0.1,fd00:8::1 false 1",
    );
  });

  await t.step("services", async () => {
    const { ADDRESS, PORTS, PROVIDER } = row(await host.ok("service", "ls"), "shop");
    assert.deepEqual(
      { ADDRESS, PORTS, PROVIDER },
      { ADDRESS: "10.8.0.9, fd00:8::9", PORTS: "web:80/tcp, 53/udp", PROVIDER: "" },
    );
    assert.equal(
      await host.ok("service", "ls", "--format", "{{.Name}} {{.Ports}}"),
      "shop web:80/tcp,53/udp",
    );
  });

  await t.step("-p without a port of the host says which one was picked", async () => {
    const said = await host.run(
      ["run", "-d", "--name", "app", "--net", "dual", "-p", "80", "-p", "127.0.0.1::81"]
        .concat(["--", "sleep", "1000", "1", "1", "1", "1", "1", "1", "1", "1"]),
    );
    assert.equal(said.code, 0, said.stderr);
    const [, port, other] = said.stderr.match(
      /^netsvc: Published \*:(\d+)->80\/tcp, 127\.0\.0\.1:(\d+)->81\/tcp\n$/,
    )!;
    const shown = `*:${port}->80/tcp, 127.0.0.1:${other}->81/tcp`;
    const cells = row(await host.ok("ps"), "app");
    assert.equal(cells.PORTS, shown);
    assert.deepEqual(row(await host.ok("ps", "-a"), "app").PORTS, shown);
    assert.match(cells.AGE!, /^\d+ seconds?$/);
    assert.equal(cells.COMMAND, "sleep 1000 1 1 1 1 1 1 …");
    assert.equal(cells.SERVICES, "app.dual");
    assert.equal(await host.ok("container", "port", "app"), shown.replace(", ", "\n"));
    assert.match(await host.ok("container", "ls", "--no-trunc"), / sleep 1000 1 1 1 1 1 1 1 1$/m);
    assert.equal(
      await host.ok("container", "ls", "--format", "{{.Ports}}"),
      shown.replace(", ", ","),
    );
    // Nothing is said where nothing was picked; and the id alone is on standard output.
    assert.match(said.stdout, /^[0-9a-f]{64}\n$/);
    const fixed = await host.run(["container", "create", "--net", "dual", "-p", "18080:80", "b"]);
    assert.equal(fixed.stderr, "");
  });

  await t.step("inspect prints JSON, whatever the kind", async () => {
    for (
      const [words, name] of [
        [["network", "inspect", "dual"], "dual"],
        [["container", "inspect", "app"], "app"],
        [["service", "inspect", "shop.dual"], "shop"],
        [["inspect", "app"], "app"],
        [["inspect", "inner"], "inner"],
        [["inspect", "shop.dual"], "shop"],
        [["inspect", "--type", "network", "dual"], "dual"],
      ] as [string[], string][]
    ) {
      const [found] = JSON.parse(await host.ok(...words));
      assert.equal(found.name, name, words.join(" "));
    }
    assert.equal(await host.ok("inspect", "-f", "{{.networkmode}}", "app"), "networks");
    assert.match(await host.ok("container", "info", "app"), /^Network: dual$/m);
    await host.fails(1, /No such container, network, service or host: "nope"$/, "inspect", "nope");
    await host.fails(1, /No such network: "app"/, "inspect", "--type", "network", "app");
    await host.fails(
      2,
      /Unknown type "x"; use one of container, network/,
      "inspect",
      "--type=x",
      "a",
    );
  });

  await t.step("events have names, filters and a past", async () => {
    const follow = host.spawn(["events", "--since", "10m", "-f", "type=service"]);
    const wanted = /service attach app \(network=dual, container=app\)\n/;
    let said = "";
    for await (const text of follow.stdout.pipeThrough(new TextDecoderStream())) {
      said += text;
      if (wanted.test(said)) break;
    }
    follow.kill("SIGTERM");
    await follow.status;
    assert.match(said, wanted);
    assert.match(said, /^\S+ service publish shop \(network=dual\)\n/);
    assert.doesNotMatch(said, / network create /);
    for (const format of ["xml", "jsn"]) {
      await host.fails(
        2,
        /Unknown format ".*"; use "text", "json" or/,
        "events",
        "--format",
        format,
      );
    }
    await host.fails(2, /Invalid filter "tpye=x"; did you mean "type"\?/, "events", "-f", "tpye=x");
    await host.fails(2, /Invalid --since "soon"/, "events", "--since", "soon");
  });
});

Deno.test("words that aren't known are answered with what may have been meant", async (t) => {
  const cases: [RegExp, ...string[]][] = [
    [/"list" is not a netsvc command; did you mean "network ls", "service ls" or/, "list"],
    [/"delete" is not a netsvc command; did you mean "container rm"/, "delete", "x"],
    [/"crate" is not a netsvc network command; did you mean "create"\?/, "network", "crate"],
    [
      /"crate" is not a netsvc network command; did you mean "create"\?/,
      "help",
      "network",
      "crate",
    ],
    [/"netwrok" is not a netsvc command; did you mean "network"\?/, "help", "netwrok"],
    [/Unknown option "--formt"; did you mean "--format"\? \(see/, "network", "ls", "--formt", "x"],
    [
      /Unknown option "--network"; did you mean "--net"\? \(see/,
      "run",
      "--network",
      "x",
      "--",
      "y",
    ],
    [/Unknown format "yaml"; use "table", "json" or/, "service", "ls", "--format", "yaml"],
    [/Unknown format "yaml"; use "text", "json" or/, "network", "info", "--format", "yaml", "x"],
    [/Unknown format "yaml"/, "doctor", "--format", "yaml"],
    [/Unknown format "yaml"/, "version", "--format", "yaml"],
    [/Invalid filter "nmae=x"; did you mean "name"\? Write KEY=VALUE with/, "ps", "-f", "nmae=x"],
    [
      /"status=runing"; did you mean "running"\? Use one of the values: created, running, exited/,
      ...["ps", "-f", "status=runing"],
    ],
    [/"event=strat"; did you mean "start"\?/, "events", "-f", "event=strat"],
    [/Give CONTAINER and SERVICE\[\.NETWORK\], or SERVICE with -f \(see/, "service", "detach"],
    [/Give CONTAINER and SERVICE/, "service", "detach", "web.foo"],
  ];
  // None of them needs a daemon.
  await using host = await TestHost.create({ stopped: true });
  for (const [message, ...words] of cases) {
    await t.step(words.join(" "), () => host.fails(2, message, ...words));
  }
});
