/**
 * Questions to the resolver of a sandbox, from inside of it.
 *
 * @module
 */
import { inNamespace } from "../lib/linux/namespaces/namespace.ts";

/** Asks the resolver of one sandbox. */
export class Asker implements Disposable {
  readonly #socket: Deno.DatagramConn;
  #id = 0;

  constructor(sandbox: string) {
    this.#socket = inNamespace(
      sandbox,
      () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }),
    );
  }

  /** Sends a question (RFC 1035, 4.1). @returns its id */
  async #ask(name: string): Promise<number> {
    const id = this.#id = (this.#id + 1) & 0xffff;
    const labels = name.split(".").flatMap((label) => [
      label.length,
      ...new TextEncoder().encode(label),
    ]);
    const header = [id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    const query = new Uint8Array([...header, ...labels, 0, 0, 1, 0, 1]);
    await this.#socket.send(query, { transport: "udp", hostname: "127.0.0.11", port: 53 });
    return id;
  }

  /** Number of addresses that a name has. */
  async addresses(name: string): Promise<number> {
    const id = await this.#ask(name);
    while (true) {
      const answer = await this.#receive();
      if (answer[0] === id >> 8 && answer[1] === (id & 0xff)) return answer[6]! * 256 + answer[7]!;
    }
  }

  /** Asks until a name has an address: a resolver that isn't there yet answers nothing. */
  async answers(name: string, pauseMs: number): Promise<void> {
    const timer = setInterval(() => this.#ask(name).catch(() => {}), pauseMs);
    try {
      await this.#ask(name).catch(() => {});
      // Whatever question it belongs to.
      while ((await this.#receive())[7] === 0) continue;
    } finally {
      clearInterval(timer);
    }
  }

  /** An answer; a question that met a closed port comes back as an error. */
  async #receive(): Promise<Uint8Array> {
    while (true) {
      const answer = await this.#socket.receive().catch((error) => {
        if (error instanceof Deno.errors.ConnectionRefused) return undefined;
        throw error;
      });
      if (answer) return answer[0];
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
