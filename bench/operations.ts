/**
 * `network create`, `service attach`, `detach`, `network ls` through the API, beside the bare `ip`
 * calls that make the same links.
 *
 * @module
 */
import { Client } from "../cli/client.ts";
import { inNamespace } from "../drivers/kernel/namespace.ts";
import { TestHost } from "../tests/harness/host.ts";
import { median, type Row, time } from "./measure.ts";

const ROUNDS = 60;

/** One `ip -batch` process. */
async function ip(namespace: string, lines: string[]): Promise<void> {
  const child = inNamespace(namespace, () =>
    new Deno.Command("ip", {
      args: ["-batch", "-"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn());
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`${lines.join("\n")}\n`));
  await writer.close();
  const { success, stderr } = await child.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** Runs the rounds. */
export async function benchOperations(): Promise<Row[]> {
  await using host = await TestHost.create();
  using client = new Client({ host: `unix://${host.socket}` });
  const home = host.namespace.path;
  const { id } = await client.createNetwork({ name: "net" });
  const { sandbox } = await client.createContainer({ name: "box" });
  const bridge = `nsb${id.slice(0, 12)}`;
  const times: Record<string, number[]> = {};
  const note = async (what: string, action: () => Promise<unknown>) =>
    (times[what] ??= []).push(await time(action));
  for (let i = 0; i < ROUNDS; i++) {
    await note("attach floor", async () => {
      await ip(home, [
        `link add name x${i} address 0a:00:00:00:00:01 mtu 1500 type veth ` +
        `peer name f0 address 0a:00:00:00:00:03 mtu 1500 netns ${sandbox}`,
        `link set dev x${i} alias floor addrgenmode none master ${bridge} up`,
      ]);
      await ip(sandbox!, [
        "addr replace 10.250.0.2/24 dev f0",
        "link set dev f0 up",
        "route replace 10.251.0.0/24 via 10.250.0.1 dev f0",
      ]);
    });
    await note("detach floor", () => ip(home, [`link del x${i}`]));
    await note("publish", () => client.publishService({ name: `s${i}`, network: "net" }));
    await note("attach", () => client.attachService(`s${i}.net`, { container: "box" }));
    await note("detach", () => client.detachService(`s${i}.net`, { container: "box" }));
    await note("create floor", async () => {
      await ip(home, [
        `link add name y${i} address 0a:00:00:00:00:05 mtu 1500 type bridge ` +
        `stp_state 0 forward_delay 0`,
      ]);
      await ip(home, [
        `link set dev y${i} alias floor up`,
        `addr replace 10.252.0.1/24 dev y${i}`,
      ]);
    });
    await ip(home, [`link del y${i}`]);
    await note("create", () => client.createNetwork({ name: `n${i}` }));
    await note("ls", () => client.networks());
    await note("request floor", async () => {
      await (await client.fetch("GET", "/healthz")).text();
    });
    await client.removeNetwork(`n${i}`, false);
  }
  const of = (what: string) => median(times[what]!);
  const request = "GET /healthz of the same daemon";
  const two = "two bare ip -batch calls";
  return [
    {
      what: "network create (API)",
      unit: "ms",
      median: of("create"),
      floor: of("create floor"),
      floorIs: two,
      target: { ratio: 1.3, kind: "most" },
    },
    {
      what: "service publish (API)",
      unit: "ms",
      median: of("publish"),
      floor: of("request floor"),
      floorIs: request,
    },
    {
      what: "service attach (API)",
      unit: "ms",
      median: of("attach"),
      floor: of("attach floor"),
      floorIs: two,
      target: { ratio: 1.3, kind: "most" },
    },
    {
      what: "service detach (API)",
      unit: "ms",
      median: of("detach"),
      floor: of("detach floor"),
      floorIs: "one bare ip -batch call",
    },
    {
      what: "network ls (API)",
      unit: "ms",
      median: of("ls"),
      floor: of("request floor"),
      floorIs: request,
    },
  ];
}
