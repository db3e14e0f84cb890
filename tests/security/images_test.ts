/** The enemy is an image, or whoever wrote the settings that a container is made from. */
import assert from "node:assert/strict";
import { openLocalStore } from "../../kv/local/local_store.ts";
import { ok, until } from "../harness/command.ts";
import { TestDocker } from "../harness/docker.ts";
import { TestHost } from "../harness/host.ts";
import { makeImage } from "../harness/image.ts";

const LABEL = "netsvc.networks";

/** What netsvc itself would write, as far as everybody knows it. */
function forged(...names: string[]): string {
  const endpoint = { aliases: ["payments"], links: [], ips: [] };
  const endpoints = names.map((name) => ({ network: name, name, ...endpoint }));
  return JSON.stringify({ mode: names[0], endpoints });
}

Deno.test("a label means nothing unless netsvc wrote it, for this container", async (t) => {
  await using engine = await TestDocker.create();
  const flags = ["--docker-socket", engine.socket, "-l", "debug"];
  await using host = await TestHost.create({ flags });
  const docker = (...words: string[]) => ok(["docker", "-H", `unix://${host.socket}`, ...words]);
  const on = async () => (await host.ok("service", "ls", "-q")).split("\n").filter(Boolean).length;
  const links = async (name: string) =>
    (await engine.ok("exec", name, "busybox", "ls", "/sys/class/net")).split(/\s+/).sort().join();
  const networksOf = (name: string) => {
    const format = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}";
    return docker("inspect", "-f", format, name);
  };
  /** Whatever a daemon does when it hears of a container, or finds it, it has done after this. */
  const settled = async () => {
    await host.stop("SIGKILL");
    await host.start();
    await docker("run", "--rm", "box", "busybox", "true");
  };
  await host.ok("network", "create", "prod");
  const archive = await makeImage(await Deno.makeTempDir({ dir: host.directory }));
  const label = (text: string) => `LABEL ${LABEL}=${JSON.stringify(text)}`;
  await engine.ok("import", "--change", label(forged("prod", "bridge")), archive, "evil");
  const sleep = ["sleep", "1000"];

  await t.step("an image's, by Docker's own socket and by netsvc's", async () => {
    for (const net of ["none", "bridge"]) {
      await engine.ok("run", "-d", "--net", net, "--name", `direct-${net}`, "evil", ...sleep);
    }
    await docker("run", "-d", "--net", "none", "--name", "through-none", "evil", ...sleep);
    await docker("run", "-d", "--net", "host", "--name", "through-host", "evil", ...sleep);
    await settled();
    assert.equal(await on(), 0);
    assert.equal(await links("direct-none"), "lo");
    assert.equal(await links("through-none"), "lo");
    // With a network it is on that one.
    await docker("run", "-d", "--name", "through", "evil", ...sleep);
    assert.equal(await networksOf("through"), "bridge");
  });

  await t.step("one that a client gives, in whatever mode", async () => {
    for (const net of ["none", "bridge"]) {
      const given = ["--label", `${LABEL}=${forged("prod")}`, "--label", "own=1"];
      await docker("run", "-d", "--net", net, "--name", `given-${net}`, ...given, "box", ...sleep);
    }
    await settled();
    assert.equal(await links("given-none"), "lo");
    assert.doesNotMatch(await host.ok("service", "ls"), /prod/);
    assert.equal(
      await docker("inspect", "-f", '{{index .Config.Labels "own"}}', "given-none"),
      "1",
    );
  });

  await t.step("a true one, copied to another container", async () => {
    await docker("run", "-d", "--net", "prod", "--name", "real", "box", ...sleep);
    const label = await engine.ok("inspect", "-f", `{{index .Config.Labels "${LABEL}"}}`, "real");
    assert.match(label, /prod/);
    await engine.ok(
      "run",
      "-d",
      "--net",
      "none",
      "--name",
      "copy",
      "--label",
      `${LABEL}=${label}`,
      "box",
      ...sleep,
    );
    await engine.ok("commit", "real", "committed");
    await engine.ok("run", "-d", "--net", "none", "--name", "child", "committed", ...sleep);
    await settled();
    assert.equal(await links("copy"), "lo");
    assert.equal(await links("child"), "lo");
    assert.equal(await links("real"), "eth0,lo");
  });

  await t.step(
    "containers of the version before keep their networks, images of then get none",
    async () => {
      // As that version made it: what is wanted is in the label alone.
      const id = await docker("network", "inspect", "-f", "{{.Id}}", "prod");
      const old = JSON.stringify({
        mode: "prod",
        endpoints: [{ network: id, name: "prod", aliases: ["old-alias"], links: [], ips: [] }],
      });
      await engine.ok(
        "create",
        "--net",
        "none",
        "--name",
        "old",
        "--label",
        `${LABEL}=${old}`,
        "box",
        ...sleep,
      );
      await engine.ok("create", "--net", "none", "--name", "old-evil", "evil", ...sleep);
      await host.stop();
      await forget(host, "docker/labels-read");
      await host.start();
      for (const name of ["old", "old-evil"]) await docker("start", name);
      assert.equal(await links("old"), "eth0,lo");
      assert.equal(await links("old-evil"), "lo");
      assert.match(host.log(), /"old-evil".*from its image/);
      await docker("restart", "-t", "0", "old");
      assert.equal(await links("old"), "eth0,lo");
      // Once they were read, there are no more of them.
      await engine.ok(
        "create",
        "--net",
        "none",
        "--name",
        "late",
        "--label",
        `${LABEL}=${old}`,
        "box",
        ...sleep,
      );
      await docker("start", "late");
      assert.equal(await links("late"), "lo");
    },
  );

  await t.step("a container whose making was cut short has its networks all the same", async () => {
    const { status } = await host.api(
      "/v1.41/containers/create?name=cut",
      "--json",
      JSON.stringify({ Image: "box", Cmd: sleep, HostConfig: { NetworkMode: "prod" } }),
    );
    assert.equal(status, 201);
    const cut = await engine.ok("inspect", "-f", "{{.Id}}", "cut");
    const key =
      JSON.parse(await engine.ok("inspect", "-f", `{{index .Config.Labels "${LABEL}"}}`, "cut"))
        .key;
    // As if the daemon had been killed when the engine had made it, before it heard of that.
    await host.stop("SIGKILL");
    await forget(host, `desired/${cut}`, `docker-creates/${key}`);
    await host.start();
    await engine.ok("start", "cut");
    await until("it is on its network", async () => await links("cut") === "eth0,lo");
    assert.equal(await networksOf("cut"), "prod");
  });

  await t.step("what is kept of a container goes with it", async () => {
    const ids = [
      await docker("run", "-d", "--rm", "box", "busybox", "true"),
      await docker("create", "box", "busybox", "true"),
    ];
    await docker("container", "prune", "-f");
    for (const id of ids) {
      await until(`${id} is forgotten`, () => host.log().includes(`Container ${id} is gone`));
    }
    await host.stop();
    await using store = await openLocalStore(host.stateDir);
    const lists = [await store.list("desired/"), await store.list("docker-creates/")];
    const kept = lists.flat().map(({ key }) => key);
    assert.ok(!ids.some((id) => kept.includes(`desired/${id}`)), `${kept}`);
    assert.ok(!kept.some((key) => key.startsWith("docker-creates/")), `${kept}`);
  });
});

/** Moves a record of the local store under another key, or takes it out. */
async function forget(host: TestHost, key: string, to?: string): Promise<void> {
  await using store = await openLocalStore(host.stateDir);
  const entry = await store.get(key);
  await store.commit({
    deletes: [key],
    ...to !== undefined && { puts: [{ key: to, value: entry!.value }] },
  });
}
