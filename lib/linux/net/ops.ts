/**
 * Operations on the kernel's network, as values: links, addresses, routes, neighbours and the entries of
 * bridges. Planners make lists of these; `ip_batch.ts` translates them for the tools. Pure.
 *
 * @module
 */

/** The other end of a veth. */
export interface VethPeer {
  name: string;
  mac?: string;
  /** In bytes. */
  mtu?: number;
  /** Path of its namespace, or the id of a process in it; this one's unless given. */
  netns?: string;
}

/** Kinds of links, with the parameters that are fixed at creation. */
export type LinkKind =
  | {
    type: "bridge";
    /** Whether multicast goes only to ports with members of the group (IGMP, MLD snooping). */
    snooping?: boolean;
  }
  | { type: "veth"; peer: VethPeer }
  | { type: "wireguard" }
  | {
    type: "vxlan";
    vni: number;
    /** UDP port. */
    port: number;
    /** Address of this host that its packets leave from. */
    local?: string;
    /** Link that they leave by; the routes decide unless given. */
    device?: string;
    /** Whether it learns from received frames which MAC is behind which host. */
    learning?: boolean;
    /** Whether it answers ARP and neighbour discovery from the neighbour table. */
    proxy?: boolean;
    /** UDP checksums of what it sends over IPv4, or of what it sends and takes over IPv6. */
    checksums?: 4 | 6;
  };

/** Makes a link. */
export interface AddLink {
  op: "addLink";
  name: string;
  mac?: string;
  /** In bytes. */
  mtu?: number;
  /** Path of the namespace that it is made in; this one unless given. */
  netns?: string;
  kind: LinkKind;
}

/** Changes a link; what isn't named stays. */
export interface SetLink {
  op: "setLink";
  link: string;
  /** In bytes. */
  mtu?: number;
  mac?: string;
  alias?: string;
  /** The kernel generates no IPv6 link-local address for it. */
  noLinkLocal?: boolean;
  arp?: boolean;
  /** The bridge that it becomes a port of. */
  master?: string;
  group?: number;
  up?: boolean;
}

/** Changes a bridge. */
export interface SetBridge {
  op: "setBridge";
  link: string;
  /** See {@linkcode LinkKind}. */
  snooping: boolean;
}

/** Changes how a bridge treats a port. */
export interface SetPort {
  op: "setPort";
  link: string;
  /** Whether the bridge learns the MACs behind the port from the frames that come in. */
  learning?: boolean;
  /** Whether it exchanges no frames with other isolated ports. */
  isolated?: boolean;
  /** Whether a packet may leave by the port that it came in by. */
  hairpin?: boolean;
}

/** Takes a link to another namespace, under another name. */
export interface MoveLink {
  op: "moveLink";
  link: string;
  /** Path of the namespace. */
  netns: string;
  name: string;
}

/** Deletes one link. */
export interface DeleteLink {
  op: "deleteLink";
  link: string;
}

/** Deletes all links of a group, in the time that one takes. */
export interface DeleteGroup {
  op: "deleteGroup";
  group: number;
}

/** Adds an address to a link, or changes its attributes. */
export interface SetAddress {
  op: "setAddress";
  link: string;
  /** CIDR. */
  address: string;
  /** Whether it is used without duplicate address detection (RFC 4862, 5.4); of IPv6. */
  unchecked?: boolean;
  /** Whether the last address of the subnet is its broadcast address; of IPv4. */
  broadcast?: boolean;
}

/** Deletes the link-local addresses that the kernel generated for a link. */
export interface FlushLinkLocal {
  op: "flushLinkLocal";
  link: string;
}

/** Adds a route, or changes the one to the same destination. */
export interface SetRoute {
  op: "setRoute";
  /** CIDR, or `default`. */
  to: string;
  /** Address of the next hop; the destination is on the link unless given. */
  via?: string;
  link: string;
}

/** Sets which MAC an address has on a link. */
export interface SetNeighbour {
  op: "setNeighbour";
  link: string;
  address: string;
  mac: string;
  /** Whether the entry is permanent, or the kernel may learn another MAC. */
  permanent: boolean;
}

/** Forgets an address on a link. */
export interface DeleteNeighbour {
  op: "deleteNeighbour";
  link: string;
  address: string;
}

/** Sets where frames to a MAC go: by a port of its bridge, or to a host behind a tunnel. */
export interface SetForward {
  op: "setForward";
  link: string;
  mac: string;
  /** Address of the host behind the tunnel; the entry is the bridge's unless given. */
  vtep?: string;
}

/** Deletes such an entry. */
export interface DeleteForward {
  op: "deleteForward";
  link: string;
  mac: string;
  vtep?: string;
}

/** Any operation. */
export type NetOp =
  | AddLink
  | SetLink
  | SetBridge
  | SetPort
  | MoveLink
  | DeleteLink
  | DeleteGroup
  | SetAddress
  | FlushLinkLocal
  | SetRoute
  | SetNeighbour
  | DeleteNeighbour
  | SetForward
  | DeleteForward;

/** Entries by which frames are forwarded. */
export type ForwardOp = SetForward | DeleteForward;
/** Entries of the neighbour table. */
export type NeighbourOp = SetNeighbour | DeleteNeighbour;
