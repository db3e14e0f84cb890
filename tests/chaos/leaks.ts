/**
 * What is wrong with a host that has come to rest: names and addresses given out twice, kernel objects
 * that nobody needs or that are missing, names that don't resolve.
 *
 * @module
 */
import { Client } from "../../cli/client/client.ts";
import { tunnelAddress } from "../../drivers/overlay/tunnel/address.ts";
import type { ObservedForward, ObservedNeighbour } from "../../lib/linux/net/observe.ts";
import type { Container, Host, Network, Service } from "../../lib/api/types.ts";
import { run } from "../harness/command.ts";
import type { TestHost } from "../harness/host.ts";

/** All that a host's API tells. */
export interface HostView {
  host: TestHost;
  networks: Network[];
  services: Service[];
  /** Services that `service ls` doesn't show: ways out. */
  legs: Service[];
  containers: Container[];
  hosts: Host[];
  self: Host;
}

/** Asks a host's API. */
export async function viewOf(host: TestHost): Promise<HostView> {
  using client = new Client({ host: `unix://${host.socket}` });
  const networks = await client.networks.list();
  const services = await client.services.list();
  const gateway = networks.find(({ name }) => name === "netsvc-gateway");
  const legs = gateway ? await client.services.list(gateway.name) : [];
  const containers = await client.containers.list();
  const hosts = await client.hosts.list();
  const self = hosts.find((one) => one.self)!;
  return { host, networks, services, legs, containers, hosts, self };
}

/** Names, addresses and VNIs that are given out twice. */
export function doubled({ networks, services }: HostView): string[] {
  const wrong: string[] = [];
  const unique = (what: string, all: string[]) => {
    const twice = all.filter((one, i) => all.indexOf(one) !== i);
    if (twice.length > 0) wrong.push(`${what} is given out twice: ${twice.join(", ")}`);
  };
  unique("an address", services.flatMap((s) => s.addresses.map((a) => `${s.network.name} ${a}`)));
  unique("a MAC address", services.map((s) => `${s.network.name} ${s.mac}`));
  unique("a name", services.map((s) => `${s.name}.${s.network.name}`));
  unique("a network's name", networks.map(({ name }) => name));
  unique("a VNI", networks.flatMap(({ vni }) => vni === undefined ? [] : [String(vni)]));
  return wrong;
}

/** Whether two lists hold the same; if not, that is wrong. */
function same(what: string, are: string[], should: string[]): string[] {
  const [a, b] = [are.toSorted().join(" "), should.toSorted().join(" ")];
  return a === b ? [] : [`${what} are ${a || "none"}, and should be ${b || "none"}`];
}

/** Services of this host's own containers. */
function ownServices({ services, legs, self }: HostView): Service[] {
  return [...services, ...legs].filter(({ backend }) => backend?.host === self.name);
}

const bridgeName = (id: string) => `nsb${id.slice(0, 12)}`;
const vethName = (id: string) => `nsv${id.slice(0, 12)}`;
const isEncrypted = ({ options }: Network) => options.encrypted === "true";
const overlayId = (id: string) => `overlay-${id.slice(0, 12)}`;

/** Links, namespaces, rules and entries against what the API tells. */
export async function kernelLeaks(view: HostView): Promise<string[]> {
  const { host, networks, containers } = view;
  const own = ownServices(view);
  const driverOf = (service: Service) =>
    networks.find(({ id }) => id === service.network.id)?.driver;
  const bridges = networks.filter(({ driver }) => driver === "bridge")
    .map(({ id }) => bridgeName(id));
  const overlays = networks.filter(({ driver, id }) =>
    driver === "overlay" && own.some(({ network }) => network.id === id)
  );
  const live = containers.filter(({ state }) => state !== "exited");
  const wrong = [
    ...same("links", await host.links(), [
      ...bridges,
      ...own.filter((s) => driverOf(s) === "bridge").map(({ id }) => vethName(id)),
    ]),
    ...same("namespaces", [...Deno.readDirSync(`${host.runDir}/netns`)].map(({ name }) => name), [
      ...live.map(({ id }) => id),
      ...overlays.map(({ id }) => overlayId(id)),
      ...overlays.some(isEncrypted) ? ["tunnel"] : [],
    ]),
  ];
  const rules = await host.namespace.ok(["nft", "-j", "list", "set", "inet", "netsvc", "bridges"]);
  const elements = rules.match(/"nsb[0-9a-f]{12}"/g) ?? [];
  if (elements.length !== bridges.length) {
    wrong.push(`${elements.length} bridges in the rules, not ${bridges.length}`);
  }
  for (const network of overlays) wrong.push(...await overlayLeaks(view, network));
  return [...wrong, ...orphans(view)];
}

/** What an overlay's namespace holds. */
async function overlayLeaks(view: HostView, network: Network): Promise<string[]> {
  const on = view.services.filter((service) => service.network.id === network.id);
  const own = on.filter(({ backend }) => backend?.host === view.self.name);
  const peers = on.filter(({ backend }) => backend && backend.host !== view.self.name);
  const { id, sandbox } = view.containers.find(({ id }) => id === own[0]!.backend!.container.id)!;
  const namespace = sandbox!.replace(id, overlayId(network.id));
  const json = async <T>(argv: string[]): Promise<T[]> => {
    const { stdout } = await run(argv, { namespace });
    return JSON.parse(stdout || "[]");
  };
  const links = await json<{ ifname: string }>(["ip", "-j", "link", "show"]);
  const forwards = await json<ObservedForward>(["bridge", "-j", "fdb", "show", "dev", "vxlan0"]);
  const neighbours = await json<ObservedNeighbour>(["ip", "-j", "neigh", "show", "dev", "vxlan0"]);
  const vtep = (service: Service) => {
    const host = view.hosts.find(({ name }) => name === service.backend!.host);
    return (isEncrypted(network) ? host && tunnelAddress(host.id) : host?.address) ?? "?";
  };
  return [
    ...same(`links of ${network.name}`, links.map(({ ifname }) => ifname), [
      ...["lo", "br0", "vxlan0"],
      ...own.map((service) => vethName(service.id)),
    ]),
    ...same(
      `forwarding entries of ${network.name}`,
      forwards.filter(({ dst }) => dst !== undefined).map(({ mac, dst }) => `${mac}>${dst}`),
      peers.map((service) => `${service.mac}>${vtep(service)}`),
    ),
    ...same(
      `neighbours of ${network.name}`,
      neighbours.map(({ dst, lladdr }) => `${dst}=${lladdr}`),
      peers.flatMap(({ addresses, mac }) => addresses.map((a) => `${a.split("/")[0]}=${mac}`)),
    ),
  ];
}

/** Backends and containers' own services that belong to nobody. */
function orphans(view: HostView): string[] {
  const { services, containers, self, networks } = view;
  const wrong: string[] = [];
  const live = new Set(
    containers.filter(({ state }) => state !== "exited").map(({ id }) => id),
  );
  for (const { name, backend } of ownServices(view)) {
    if (!live.has(backend!.container.id)) wrong.push(`${name} has a backend that is gone`);
  }
  // Those of networks that all hosts share may be another host's container's.
  const local = services.filter(({ network }) => network.scope === "local");
  for (const { name, auto } of local) {
    // One that was being removed has lost its backend, and is still its container's.
    const owned = containers.some((c) => c.name === name || c.id.startsWith(name));
    if (auto && !owned) wrong.push(`${name} is a container's own, and nobody's`);
  }
  for (const { name } of view.legs) {
    const container = containers.find(({ id }) => id.startsWith(name));
    const needs = container?.services.some((s) =>
      networks.some((n) => n.name === s.network && n.driver === "overlay")
    );
    if (!needs) wrong.push(`the leg ${name} of ${self.name} is nobody's`);
  }
  return wrong;
}

/** Services of this host's containers against the sandboxes' addresses and resolvers. */
export async function sandboxLeaks(view: HostView): Promise<string[]> {
  const found = await Promise.all(
    view.containers.filter(({ sandbox }) => sandbox).map(async ({ id, sandbox }) => {
      const namespace = sandbox!;
      const own = ownServices(view).filter(({ backend }) => backend!.container.id === id);
      const { stdout } = await run(["ip", "-br", "addr", "show"], { namespace });
      const wrong = own.flatMap(({ name, backend, addresses }) => {
        const line = stdout.split("\n").find((line) => line.startsWith(`${backend!.interface}@`));
        return addresses.filter((address) => !line?.includes(address))
          .map((address) => `${name} lacks ${address} in its sandbox`);
      });
      const links = stdout.trim().split("\n").filter((line) => !line.startsWith("lo ")).length;
      if (links !== own.length) wrong.push(`${id} has ${links} links, not ${own.length}`);
      return wrong;
    }),
  );
  return found.flat();
}

/** What the names of a container's networks answer, and whether those who have them answer a ping. */
export async function answers(view: HostView): Promise<string[]> {
  const found = await Promise.all(
    view.containers.filter(({ sandbox, services }) => sandbox && services.length > 0)
      .map((container) => answersInside(view, container)),
  );
  return found.flat();
}

async function answersInside(view: HostView, container: Container): Promise<string[]> {
  const namespace = container.sandbox!;
  const who = `${container.name ?? container.id} on ${view.self.name}`;
  const on = new Set(container.services.map(({ network }) => network));
  const services = view.services.filter(({ network }) => on.has(network.name));
  if (services.length === 0) return [];
  const fqdn = ({ name, network }: Service) => `${name}.${network.name}`;
  const [{ stdout }, pings] = await Promise.all([
    run(
      [
        ...["dig", "@127.0.0.11", "+noall", "+answer", "+time=2", "+tries=2"],
        ...services.map(fqdn),
      ],
      { namespace },
    ),
    run([
      "sh",
      "-c",
      'for ip; do (ping -c1 -W2 "$ip" > /dev/null || ping -c1 -W2 "$ip" > /dev/null || ' +
      'echo "$ip") & done; wait',
      "sh",
      ...services.filter(({ backend }) => backend).map((s) => s.addresses[0]!.split("/")[0]!),
    ], { namespace }),
  ]);
  const silent = pings.stdout.trim().split("\n");
  return services.flatMap((service) => {
    const ip = service.addresses[0]!.split("/")[0]!;
    const answered = stdout.split("\n").filter((line) => line.startsWith(`${fqdn(service)}.`))
      .map((line) => line.split(/\s+/).at(-1)!);
    if (!service.backend) {
      return answered.length === 0 ? [] : [`${fqdn(service)} is detached, and resolves for ${who}`];
    }
    return [
      ...answered.join() === ip
        ? []
        : [`${fqdn(service)} resolves to "${answered.join()}" for ${who}, not to ${ip}`],
      ...silent.includes(ip) ? [`${fqdn(service)} (${ip}) answers no ping of ${who}`] : [],
    ];
  });
}

/** All that is wrong with a host and what it sees; empty when nothing is. */
export async function leaks(host: TestHost): Promise<string[]> {
  const view = await viewOf(host);
  return [
    ...doubled(view),
    ...await kernelLeaks(view),
    ...await sandboxLeaks(view),
    ...await answers(view),
  ];
}
