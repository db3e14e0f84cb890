/**
 * Operations as lines of ip-batch(8) and bridge(8): the only place that knows the tools' grammar. Pure.
 *
 * @module
 */
import { checkWords } from "../tools/wall.ts";
import type { AddLink, LinkKind, NetOp, SetAddress, SetLink, SetPort, VethPeer } from "./ops.ts";

/** The tool that carries out an operation. */
export type BatchTool = "ip" | "bridge";

/** Operations that go to one tool, in their order. */
export interface Batch {
  tool: BatchTool;
  lines: string[];
}

/** A word with its value; nothing where the value is absent. */
function pair(word: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`${word} ${value}`];
}

/** A switch of a port, or of ARP. */
function onOff(word: string, value: boolean | undefined): string[] {
  return value === undefined ? [] : [`${word} ${value ? "on" : "off"}`];
}

function peerWords({ name, mac, mtu, netns }: VethPeer): string[] {
  return [
    `peer name ${name}`,
    ...pair("address", mac),
    ...pair("mtu", mtu),
    ...pair("netns", netns),
  ];
}

function vxlanWords(kind: LinkKind & { type: "vxlan" }): string[] {
  const { vni, local, port, learning, proxy, checksums, device } = kind;
  return [
    `id ${vni}`,
    ...pair("local", local),
    `dstport ${port}`,
    ...learning === undefined ? [] : [learning ? "learning" : "nolearning"],
    ...proxy ? ["proxy"] : [],
    ...checksums === 4 ? ["udpcsum"] : [],
    ...checksums === 6 ? ["noudp6zerocsumtx noudp6zerocsumrx"] : [],
    ...pair("dev", device),
  ];
}

function kindWords(kind: LinkKind): string[] {
  switch (kind.type) {
    case "bridge": {
      const { snooping } = kind;
      // There are no loops, so nothing to find out about them before the first packet.
      const plain = "stp_state 0 forward_delay 0";
      return [
        plain,
        ...pair("mcast_snooping", snooping === undefined ? snooping : Number(snooping)),
      ];
    }
    case "veth":
      return peerWords(kind.peer);
    case "vxlan":
      return vxlanWords(kind);
    case "wireguard":
      return [];
  }
}

function addLink({ name, netns, mac, mtu, kind }: AddLink): string[] {
  return [
    `link add name ${name}`,
    ...pair("netns", netns),
    ...pair("address", mac),
    ...pair("mtu", mtu),
    `type ${kind.type}`,
    ...kindWords(kind),
  ];
}

function setLink({ link, mtu, mac, alias, noLinkLocal, arp, master, group, up }: SetLink) {
  return [
    `link set dev ${link}`,
    ...pair("mtu", mtu),
    ...pair("address", mac),
    ...pair("alias", alias),
    ...noLinkLocal ? ["addrgenmode none"] : [],
    ...onOff("arp", arp),
    ...pair("master", master),
    ...pair("group", group),
    ...up === undefined ? [] : [up ? "up" : "down"],
  ];
}

function setPort({ link, learning, isolated, hairpin }: SetPort): string[] {
  return [
    `link set dev ${link} type bridge_slave`,
    ...onOff("learning", learning),
    ...onOff("isolated", isolated),
    ...onOff("hairpin", hairpin),
  ];
}

function setAddress({ address, link, unchecked, broadcast }: SetAddress): string[] {
  return [
    `addr replace ${address} dev ${link}`,
    ...unchecked ? ["nodad"] : [],
    ...broadcast ? ["brd +"] : [],
  ];
}

function phrases(op: NetOp): string[] {
  switch (op.op) {
    case "addLink":
      return addLink(op);
    case "setLink":
      return setLink(op);
    case "setBridge":
      return [`link set dev ${op.link} type bridge mcast_snooping ${Number(op.snooping)}`];
    case "setPort":
      return setPort(op);
    case "moveLink":
      return [`link set dev ${op.link} netns ${op.netns} name ${op.name}`];
    case "deleteLink":
      return [`link del dev ${op.link}`];
    case "deleteGroup":
      return [`link del group ${op.group}`];
    case "setAddress":
      return setAddress(op);
    case "flushLinkLocal":
      return [`addr flush dev ${op.link} scope link`];
    case "setRoute":
      return [`route replace ${op.to}`, ...pair("via", op.via), `dev ${op.link}`];
    case "setNeighbour":
      return [
        `neigh replace ${op.address} lladdr ${op.mac} dev ${op.link}`,
        `nud ${op.permanent ? "permanent" : "reachable"}`,
      ];
    case "deleteNeighbour":
      return [`neigh del ${op.address} dev ${op.link}`];
    case "setForward":
      return [
        `fdb replace ${op.mac} dev ${op.link}`,
        op.vtep === undefined ? "master static" : `dst ${op.vtep} self permanent`,
      ];
    case "deleteForward":
      return [
        `fdb del ${op.mac} dev ${op.link}`,
        op.vtep === undefined ? "master" : `dst ${op.vtep} self`,
      ];
  }
}

/** The line of one operation. @throws {NetsvcError} `internal` when a word of it isn't one */
export function lineOf(op: NetOp): string {
  checkWords(toolOf(op), op);
  return phrases(op).join(" ");
}

/** The tool of an operation. */
export function toolOf({ op }: NetOp): BatchTool {
  return op === "setForward" || op === "deleteForward" ? "bridge" : "ip";
}

/** Operations by tool: each batch is run when the one before it has succeeded. */
export function batches(ops: readonly NetOp[]): Batch[] {
  const all: Batch[] = [];
  for (const op of ops) {
    const tool = toolOf(op);
    const last = all.at(-1);
    if (last?.tool === tool) last.lines.push(lineOf(op));
    else all.push({ tool, lines: [lineOf(op)] });
  }
  return all;
}

/** Whether an operation names a namespace by its path, which the tool opens, and may hold open. */
export function namesNamespace(op: NetOp): boolean {
  const netns = op.op === "moveLink"
    ? op.netns
    : op.op !== "addLink"
    ? undefined
    : op.netns ?? (op.kind.type === "veth" ? op.kind.peer.netns : undefined);
  return netns?.startsWith("/") ?? false;
}

/** How `ip` is told a link by its index, where no link has that for its name. */
export function indexWord(index: number): string {
  return `if${index}`;
}

/** Whether an operation names its link by its index: names are remembered, also when they are another link's. */
export function isByIndex(op: NetOp): boolean {
  return "link" in op && /^if\d+$/.test(op.link);
}
