/**
 * Datagrams and their answers by the batch, without a copy or an object for each: recvmmsg(2), sendmmsg(2). Their
 * structures (`struct mmsghdr`, `struct iovec`) are those of Linux's 64-bit ABIs.
 *
 * @module
 */
import { libc } from "../libc.ts";

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;
/** Size of `sockaddr_in6`. */
const ADDRESS_SIZE = 28;
/** Sizes of `struct mmsghdr` and `struct iovec`, in words of 32 bits. */
const HEADER_WORDS = 16;
const VECTOR_WORDS = 4;
/** Words of a header: the address and its length, the vector and its count, and the datagram's length. */
const NAME = 0;
const NAME_LENGTH = 2;
const VECTOR = 4;
const VECTOR_COUNT = 6;
const LENGTH = 14;

/** Where a datagram came from: `sockaddr_in` or `sockaddr_in6`. */
export type Sender = Uint8Array<ArrayBuffer>;

/** A datagram. */
export interface Came {
  message: Uint8Array;
  from: Sender;
}

/** Sends without waiting; a datagram that finds the send buffer full is lost. */
export function sendDatagram(
  fd: number,
  { message, to }: { message: Uint8Array; to: Sender },
): void {
  const bytes = message as Uint8Array<ArrayBuffer>;
  libc().sendto32(fd, bytes, bytes.length, FLAGS, to, to.length);
}

/** Headers and vectors for so many datagrams, each with room for `size` bytes. */
class Side {
  readonly headers: Uint32Array<ArrayBuffer>;
  readonly vectors: Uint32Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The room of each. */
  readonly slots: Uint8Array<ArrayBuffer>[];

  constructor(count: number, size: number) {
    this.headers = new Uint32Array(count * HEADER_WORDS);
    this.vectors = new Uint32Array(count * VECTOR_WORDS);
    this.bytes = new Uint8Array(count * size);
    this.slots = Array.from(
      { length: count },
      (_, i) => this.bytes.subarray(i * size, (i + 1) * size),
    );
    for (let i = 0; i < count; i++) {
      setPointer(this.headers, i * HEADER_WORDS + VECTOR, this.vectors, i * VECTOR_WORDS * 4);
      this.headers[i * HEADER_WORDS + VECTOR_COUNT] = 1;
      setPointer(this.vectors, i * VECTOR_WORDS, this.bytes, i * size);
      this.vectors[i * VECTOR_WORDS + 2] = size;
    }
  }
}

/** Writes the address of a buffer's byte into two words; the buffer has to stay referenced. */
function setPointer(
  words: Uint32Array,
  at: number,
  buffer: Uint32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>,
  offset: number,
): void {
  const bytes = new Uint8Array(buffer.buffer);
  const pointer = Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)) + BigInt(offset);
  words[at] = Number(pointer & 0xffffffffn);
  words[at + 1] = Number(pointer >> 32n);
}

/** One batch, used for any number of sockets in turn. */
export class DatagramBatch {
  /** Most datagrams of a batch. */
  readonly most: number;
  readonly #in: Side;
  readonly #out: Side;
  readonly #from: Uint8Array<ArrayBuffer>;
  /** The addresses of the senders' rooms, two words each. */
  readonly #fromPointers: Uint32Array<ArrayBuffer>;
  #received = 0;
  #answers = 0;

  /** @param sizes bytes of a datagram that are taken, the rest is cut off; and of an answer that is batched */
  constructor(most: number, sizes: { received: number; answer: number }) {
    this.most = most;
    this.#in = new Side(most, sizes.received);
    this.#out = new Side(most, sizes.answer);
    this.#from = new Uint8Array(most * ADDRESS_SIZE);
    this.#fromPointers = new Uint32Array(most * 2);
    this.#received = most;
    for (let i = 0; i < most; i++) {
      setPointer(this.#fromPointers, 2 * i, this.#from, i * ADDRESS_SIZE);
      const name = i * HEADER_WORDS + NAME;
      this.#in.headers[name] = this.#fromPointers[2 * i]!;
      this.#in.headers[name + 1] = this.#fromPointers[2 * i + 1]!;
    }
  }

  /** Takes the next datagrams of a socket. @returns their number; negative: an error, or there are none */
  receive(fd: number): number {
    const { headers } = this.#in;
    for (let i = 0; i < this.#received; i++) headers[i * HEADER_WORDS + NAME_LENGTH] = ADDRESS_SIZE;
    const n = libc().recvmmsg(fd, headers, this.most, MSG_DONTWAIT, null);
    this.#received = Math.max(0, n);
    return n;
  }

  /** The room that a datagram is at the begin of; valid until the next {@linkcode receive}. */
  slot(i: number): Uint8Array {
    return this.#in.slots[i]!;
  }

  /** The length of a datagram. */
  lengthOf(i: number): number {
    return this.#in.headers[i * HEADER_WORDS + LENGTH]!;
  }

  /** A datagram; its bytes are valid until the next {@linkcode receive}, its sender is a copy. */
  came(i: number): Came {
    const at = i * ADDRESS_SIZE;
    const length = this.#in.headers[i * HEADER_WORDS + NAME_LENGTH]!;
    return {
      message: this.slot(i).subarray(0, this.lengthOf(i)),
      from: this.#from.slice(at, at + length),
    };
  }

  /** Room for the next answer. */
  get room(): Uint8Array {
    return this.#out.slots[this.#answers]!;
  }

  /** Adds the answer to a datagram: so many bytes of {@linkcode room}, to be sent by {@linkcode send}. */
  answer(i: number, length: number): void {
    const { headers, vectors } = this.#out;
    const n = this.#answers++;
    const at = n * HEADER_WORDS;
    headers[at + NAME] = this.#fromPointers[2 * i]!;
    headers[at + NAME + 1] = this.#fromPointers[2 * i + 1]!;
    headers[at + NAME_LENGTH] = this.#in.headers[i * HEADER_WORDS + NAME_LENGTH]!;
    vectors[n * VECTOR_WORDS + 2] = length;
  }

  /** Sends the answers without waiting; one that the kernel refuses is lost. */
  send(fd: number): void {
    const { headers } = this.#out;
    const count = this.#answers;
    this.#answers = 0;
    for (let at = 0; at < count;) {
      const rest = at === 0 ? headers : headers.subarray(at * HEADER_WORDS);
      at += Math.max(1, libc().sendmmsg(fd, rest, count - at, FLAGS));
    }
  }
}
