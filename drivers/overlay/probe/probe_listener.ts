/**
 * Receives probes as the overlays of this host would receive their packets: through the kernel's own VXLAN socket,
 * behind all of the host's firewalls. The tunnel that receives them is in a namespace of its own, and exists only
 * while a listener is open.
 *
 * @module
 */
import { sleep } from "../../../lib/async/sleep.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { Underlay } from "../../driver.ts";
import { ScratchNamespace } from "../../../lib/linux/namespaces/scratch_namespace.ts";
import type { Runner } from "../../../lib/linux/tools/runner.ts";
import { isExisting, ToolError } from "../../../lib/linux/tools/tool_error.ts";
import { Mutex } from "../../../lib/async/mutex.ts";
import { TUNNEL } from "../options.ts";
import { planTunnelLink } from "../plan.ts";
import { decodeProbe, PROBE_ADDRESS, PROBE_MAC, PROBE_PORT, PROBE_VNI } from "./probe_packet.ts";

/** How long the tunnel of a listener that was just closed may still be in the way, in ms. */
const CLASH_MS = 2_000;
/** Pause between attempts to make the tunnel meanwhile, in ms. */
const CLASH_POLL_MS = 50;

/** What the listener needs to know of its host. */
export interface ProbeHost {
  runner: Runner;
  /** UDP port of VXLAN. */
  port: number;
}

interface Open {
  namespace: ScratchNamespace;
  socket: Deno.DatagramConn;
}

/** The receiving end for probes on one host, shared by all current listeners. */
export class ProbeListener {
  readonly #host: ProbeHost;
  readonly #serial = new Mutex();
  readonly #listeners = new Map<string, (size: number) => void>();
  #users = 0;
  #open: Open | undefined;

  constructor(host: ProbeHost) {
    this.#host = host;
  }

  /**
   * Listens until it is disposed of.
   *
   * @param token 16 hex digits that the probes carry
   * @param heard called with the size of each packet, in bytes with its outer IP header
   * @throws {NetsvcError} `in_use` when another program has the port, `kernel`
   */
  async listen(
    underlay: Underlay,
    token: string,
    heard: (size: number) => void,
  ): Promise<AsyncDisposable> {
    await this.#serial.run(async () => {
      this.#open ??= await this.#start(underlay);
      this.#users++;
    });
    this.#listeners.set(token, heard);
    let ended = false;
    return {
      [Symbol.asyncDispose]: () =>
        this.#serial.run(async () => {
          if (ended) return;
          ended = true;
          this.#listeners.delete(token);
          if (--this.#users === 0) await this.#stop();
        }),
    };
  }

  async #start(underlay: Underlay): Promise<Open> {
    const { runner } = this.#host;
    const namespace = new ScratchNamespace();
    try {
      await this.#makeTunnel(underlay, namespace.path);
      await runner.apply([
        { op: "setLink", link: "lo", up: true },
        { op: "setAddress", link: TUNNEL, address: `${PROBE_ADDRESS}/24` },
        { op: "setLink", link: TUNNEL, up: true },
      ], namespace.path);
      const socket = runner.within(namespace.path, () =>
        Deno.listenDatagram({
          transport: "udp",
          hostname: PROBE_ADDRESS,
          port: PROBE_PORT,
        }));
      this.#receive(socket);
      return { namespace, socket };
    } catch (error) {
      namespace[Symbol.dispose]();
      if (!(error instanceof ToolError) || error.errno !== "EADDRINUSE") throw error;
      const message = `Another program of this host has UDP port ${this.#host.port}`;
      throw new NetsvcError("in_use", message, { cause: error });
    }
  }

  async #makeTunnel(underlay: Underlay, namespace: string): Promise<void> {
    const { runner, port } = this.#host;
    const deadline = performance.now() + CLASH_MS;
    const tunnel = planTunnelLink({ namespace, mac: PROBE_MAC, vni: PROBE_VNI, underlay, port });
    while (true) {
      try {
        return await runner.apply([tunnel]);
      } catch (error) {
        if (!isExisting(error) || performance.now() > deadline) throw error;
        await sleep(CLASH_POLL_MS);
      }
    }
  }

  async #receive(socket: Deno.DatagramConn): Promise<void> {
    const buffer = new Uint8Array(65536);
    while (true) {
      try {
        const [payload] = await socket.receive(buffer);
        const probe = decodeProbe(payload);
        if (probe) this.#listeners.get(probe.token)?.(probe.size);
      } catch {
        return; // It was closed.
      }
    }
  }

  async #stop(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (!open) return;
    open.socket.close();
    const { path } = open.namespace;
    // The kernel removes a namespace some time later; the VNI must be free at once.
    await this.#host.runner.apply([{ op: "deleteLink", link: TUNNEL }], path).catch(() => {});
    open.namespace[Symbol.dispose]();
  }
}
