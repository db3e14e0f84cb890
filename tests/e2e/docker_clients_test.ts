/** Clients that aren't the docker command: dockerode, which sends no version, and docker-py. */
import assert from "node:assert/strict";
import Dockerode from "dockerode";
import { ok } from "../harness/command.ts";
import { TestDocker } from "../harness/docker.ts";
import { TestHost } from "../harness/host.ts";

Deno.test("libraries of other languages drive netsvc", async (t) => {
  await using engine = await TestDocker.create();
  await using host = await TestHost.create({ flags: ["--docker-socket", engine.socket] });
  const docker = new Dockerode({ socketPath: host.socket });

  await t.step("dockerode asks for what it knows, without a version", async () => {
    assert.equal((await docker.ping()).toString(), "OK");
    const [mine, engines] = await Promise.all(
      [host.socket, engine.socket].map((socketPath) => new Dockerode({ socketPath }).version()),
    );
    assert.equal(mine.Os, "linux");
    assert.equal(
      mine.MinAPIVersion,
      engines.MinAPIVersion < "1.24" ? "1.24" : engines.MinAPIVersion,
    );
    assert.equal(typeof (await docker.info()).ServerVersion, "string");
    const networks = await docker.listNetworks();
    assert.deepEqual(networks.map(({ Name }: { Name: string }) => Name).sort(), [
      "bridge",
      "host",
      "none",
    ]);
    const { Options } = await docker.getNetwork("bridge").inspect();
    assert.equal(Options["com.docker.network.bridge.default_bridge"], "true");
    assert.deepEqual(await docker.listContainers({ all: true }), []);
    const images = await docker.listImages() as { RepoTags?: string[] }[];
    assert.ok(images.some(({ RepoTags }) => RepoTags?.includes("box:latest")));
    await assert.rejects(docker.getContainer("nosuch").inspect(), /No such container: nosuch/);
    await assert.rejects(docker.getNetwork("nosuch").inspect(), /network nosuch not found/);
  });

  await t.step("dockerode makes a network and a container on it, and takes both away", async () => {
    const network = await docker.createNetwork({ Name: "jn", Labels: { made: "here" } });
    const container = await docker.createContainer({
      Image: "box",
      name: "js",
      Cmd: ["sleep", "1000"],
      HostConfig: { NetworkMode: "jn" },
    });
    await container.start();
    const { NetworkSettings } = await container.inspect();
    assert.deepEqual(Object.keys(NetworkSettings.Networks), ["jn"]);
    const exec = await container.exec({ Cmd: ["busybox", "hostname"], AttachStdout: true });
    const stream = await exec.start({ hijack: true, stdin: false });
    let said = "";
    for await (const chunk of stream) said += chunk.toString();
    assert.match(said, new RegExp(container.id.slice(0, 12)));
    const { Containers } = await network.inspect();
    assert.equal(Containers[container.id].Name, "js");
    await container.stop({ t: 0 });
    await container.remove({ force: true });
    await network.remove();
  });

  await t.step(
    "a port answers at the default network's gateway, wherever else its container is",
    async () => {
      // As testcontainers does it: made on the default network, connected to another, asked by the gateway.
      const network = await docker.createNetwork({ Name: "0first" });
      const container = await docker.createContainer({
        Image: "box",
        name: "asked",
        Cmd: ["busybox", "nc", "-ll", "-p", "80", "-e", "echo", "hello"],
        ExposedPorts: { "80/tcp": {} },
        HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "0" }] } },
      });
      await network.connect({ Container: container.id, EndpointConfig: { Aliases: ["alias"] } });
      await container.start();
      const { Ports } = (await container.inspect()).NetworkSettings;
      const port = Ports["80/tcp"]![0]!.HostPort;
      for (const name of ["bridge", "0first"]) {
        const gateway = (await docker.getNetwork(name).inspect()).IPAM.Config[0].Gateway;
        const heard = await host.namespace.ok(["busybox", "nc", "-w", "5", gateway, port]);
        assert.equal(heard.trim(), "hello", name);
      }
      await container.remove({ force: true });
      await network.remove();
    },
  );

  await t.step("docker-py", async () => {
    // Debian's, which Compose brings.
    const text = await ok(["/usr/bin/python3", "-c", PYTHON, `unix://${host.socket}`]);
    assert.deepEqual(JSON.parse(text), { networks: ["py"], said: "hello\n", left: 0 });
  });
});

const PYTHON = `
import docker, json, sys
client = docker.DockerClient(base_url=sys.argv[1])
client.networks.create("py", labels={"made": "here"})
box = client.containers.run("box", ["sleep", "1000"], name="py", network="py", detach=True)
box.reload()
found = {"networks": list(box.attrs["NetworkSettings"]["Networks"])}
found["said"] = box.exec_run(["busybox", "echo", "hello"]).output.decode()
box.remove(force=True)
client.networks.get("py").remove()
found["left"] = len(client.networks.list(names=["py"]))
print(json.dumps(found))
`;
