/**
 * A connection that a {@linkcode Poller} watches, read and written as Deno's are.
 *
 * @module
 */
import { errnoError } from "../libc.ts";
import { ConnectedSocket, isLater } from "./connected_socket.ts";
import type { Poller } from "./poller.ts";

/** What reads, writes and closes: a `Deno.Conn`, for one. */
export interface Stream {
  /** Reads some bytes; `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes some of the bytes. */
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** A connection; closing it twice is harmless, and ends what waits for it. */
export class PolledStream implements Stream {
  readonly #socket: ConnectedSocket;
  #reader: (() => void) | undefined;
  #writer: (() => void) | undefined;
  #watched = false;
  #closed = false;

  /** @param fd of a connection, closed with this */
  constructor(poller: Poller, fd: number) {
    this.#socket = ConnectedSocket.adopt(poller, fd);
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (true) {
      this.#check();
      const data = this.#socket.receive(into.length);
      if (typeof data === "number") throw errnoError("read from a connection", data);
      if (data !== "later") {
        into.set(data);
        return data.length === 0 ? null : data.length;
      }
      await new Promise<void>((resolve) => this.#wait({ reader: resolve }));
    }
  }

  async write(bytes: Uint8Array): Promise<number> {
    while (true) {
      this.#check();
      const sent = this.#socket.send(bytes);
      if (sent >= 0) return sent;
      if (!isLater(sent)) throw errnoError("write to a connection", -sent);
      await new Promise<void>((resolve) => this.#wait({ writer: resolve }));
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket[Symbol.dispose]();
    this.#wake();
  }

  #check(): void {
    if (this.#closed) throw new Deno.errors.BadResource("The connection is closed");
  }

  /** Watched only while somebody waits: what has broken would be ready for ever. */
  #wait({ reader, writer }: { reader?: () => void; writer?: () => void }): void {
    if (reader) this.#reader = reader;
    if (writer) this.#writer = writer;
    if (!this.#watched) this.#socket.watch(() => this.#ready());
    this.#watched = true;
    this.#socket.wait(this.#reader !== undefined, this.#writer !== undefined);
  }

  #ready(): void {
    this.#watched = false;
    this.#socket.unwatch();
    this.#wake();
  }

  #wake(): void {
    const [reader, writer] = [this.#reader, this.#writer];
    this.#reader = this.#writer = undefined;
    reader?.();
    writer?.();
  }
}
