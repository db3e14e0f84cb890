/**
 * A WireGuard device: the kernel's where it has one, else `wireguard-go`, which has the same commands.
 *
 * It is in a namespace of its own, and its UDP socket in the host's, in which it was made: so nothing comes out of
 * it, or goes into it, that isn't encrypted outside (wireguard.com/netns).
 *
 * @module
 */
import { NetsvcError } from "../../api/errors.ts";
import { linkNames } from "../net/netdevice.ts";
import { startChild } from "../processes/child.ts";
import type { Runner } from "../tools/runner.ts";
import { isExisting, isMissing, ToolError } from "../tools/tool_error.ts";
import { findProgram, installHint, WIREGUARD_PROGRAM } from "../tools/tools.ts";
import { type ObservedDevice, readDump } from "./dump.ts";
import { AT_ONCE } from "./plan.ts";

/** How long `wireguard-go` may take until it has started its own process, in ms. */
const START_MS = 5_000;
/** Where it listens for commands; `wg` looks there, too. */
const SOCKETS = "/var/run/wireguard";

/** What a device is. */
export interface DevicePlace {
  /** At most 15 bytes; unlike all others of the machine, since its socket's name is made of it. */
  name: string;
  /** Path of its namespace. */
  namespace: () => string;
}

/** What a device can be told of itself. */
export interface DeviceSettings {
  /** Its private key. */
  key: string;
  /** UDP port. */
  port: number;
}

/** The device. */
export class WireGuardDevice {
  readonly #runner: Runner;
  readonly #place: DevicePlace;

  constructor(runner: Runner, place: DevicePlace) {
    this.#runner = runner;
    this.#place = place;
  }

  get name(): string {
    return this.#place.name;
  }

  /** Whether the device is there: `wireguard-go`'s goes with its process. */
  get isThere(): boolean {
    const { name, namespace } = this.#place;
    try {
      return this.#runner.within(namespace(), linkNames).includes(name);
    } catch {
      return false; // There is no such namespace.
    }
  }

  /**
   * Makes the device in its namespace, which exists.
   *
   * @throws {NetsvcError} `unsupported` naming the package where there is no WireGuard on this machine
   */
  async make(): Promise<void> {
    const { name, namespace } = this.#place;
    if (findProgram("wg") === undefined) throw missing("the tool wg", installHint("wg"));
    try {
      await this.#add();
    } catch (error) {
      if (!(error instanceof ToolError && error.errno === "EOPNOTSUPP")) throw error;
      await this.#start();
    }
    await this.#runner.apply([{ op: "moveLink", link: name, netns: namespace(), name }]);
  }

  /** Adds the kernel's. One that a crash left outside its namespace goes first. */
  async #add(): Promise<void> {
    const { name } = this.#place;
    const add = [{ op: "addLink", name, kind: { type: "wireguard" } }] as const;
    try {
      await this.#runner.apply(add);
    } catch (error) {
      if (!isExisting(error)) throw error;
      await this.#runner.apply([{ op: "deleteLink", link: name }, ...add]);
    }
  }

  /** Starts `wireguard-go`, which goes on in a process of its own, and waits until it answers. */
  async #start(): Promise<void> {
    const { name } = this.#place;
    if (findProgram(WIREGUARD_PROGRAM) === undefined) {
      throw missing(
        `WireGuard in its kernel nor the program ${WIREGUARD_PROGRAM}`,
        `Install it: apt-get install ${WIREGUARD_PROGRAM}`,
      );
    }
    // One that a crash left outside its namespace ends with its link.
    await this.#runner.apply([{ op: "deleteLink", link: name }]).catch(() => {});
    const { success, stderr } = await this.#runner.within(undefined, () =>
      startChild("setsid", {
        args: [WIREGUARD_PROGRAM, name],
        cwd: "/",
        stdin: "null",
        stdout: "null",
        stderr: "piped",
        signal: AbortSignal.timeout(START_MS),
      })).output();
    if (!success) {
      const said = new TextDecoder().decode(stderr).split("\n").find((line) => /error/i.test(line));
      throw new NetsvcError("kernel", `Cannot start ${WIREGUARD_PROGRAM}: ${said ?? "it ended"}`);
    }
    // It looks its link up by name at first, so the link may move when it answers.
    await this.read();
  }

  /** The device as it is. @throws {ToolError} also where it is there and doesn't answer */
  async read(): Promise<ObservedDevice> {
    return readDump(await this.#wg(["show", this.name, "dump"]));
  }

  /** Gives the device its key and its port. Sessions go on; the next handshakes are by the new key. */
  async configure({ key, port }: DeviceSettings): Promise<void> {
    const args = ["set", this.name, "private-key", "/dev/stdin", "listen-port", String(port)];
    await this.#wg(args, `${key}\n`);
  }

  /**
   * Opens the device's socket anew. `wireguard-go` goes on sending from an address that the host has no more, where
   * the kernel looks for another; for the kernel this changes nothing.
   */
  async rebind(port: number): Promise<void> {
    await this.#wg(["set", this.name, "listen-port", String(port)]);
  }

  /** Gives the device peers; see `planPeers`. */
  async setPeers(peers: string[][]): Promise<void> {
    for (let i = 0; i < peers.length; i += AT_ONCE) {
      await this.#wg(["set", this.name, ...peers.slice(i, i + AT_ONCE).flat()]);
    }
  }

  async #wg(args: string[], secret?: string): Promise<string> {
    // The kernel's is found by the namespace, the program's by its socket.
    const run = { tool: "wg", args, namespace: this.#place.namespace() } as const;
    return await this.#runner.run(
      secret === undefined ? run : { ...run, script: secret, secret: true },
    );
  }

  /** Removes the device, and with it the process; harmless when it isn't there. */
  async remove(): Promise<void> {
    try {
      if (this.isThere) {
        await this.#runner.apply([{ op: "deleteLink", link: this.name }], this.#place.namespace());
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    // The program leaves it, and ends without it if not without its link.
    await Deno.remove(`${SOCKETS}/${this.name}.sock`).catch(() => {});
  }
}

function missing(what: string, hint: string): NetsvcError {
  const neither = what.includes(" nor ") ? "neither" : "not";
  return new NetsvcError("unsupported", `This host has ${neither} ${what}. ${hint}`);
}
