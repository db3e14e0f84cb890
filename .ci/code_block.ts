/**
 * The block of an executable that holds scripts with V8's code caches of them. It lies before what `deno compile` has
 * appended to its runtime, which is found from the file's end:
 *
 * runtime (an ELF file) · scripts and caches · index (JSON) · footer · Deno's section · Deno's trailer
 *
 * A cache is bytecode: V8 takes it where version, flags and the script's length are those that it was made with, and
 * compiles the script anew where they aren't.
 *
 * @module
 */

/** A place in the file. */
export interface Part {
  at: number;
  length: number;
}

/** A script with its cache. */
export interface Cached<T> {
  code: T;
  cache: T;
}

/** Deno's trailer: a number, the hash of its section's name, and the length of both (libsui's `elf.rs`). */
export const TRAILER = 16;
const SUI_MAGIC = 0x501e;
/** The first bytes of Deno's section. */
const SECTION = "d3n0l4nd";
/** The footer: its name, and the length of the index. */
const FOOTER = 16;
const NAME = "netsvc01";

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

/** Where Deno's section begins in a file of this size. */
function sectionAt(size: number, trailer: Uint8Array): number {
  const view = viewOf(trailer);
  const length = Number(view.getBigUint64(8, true));
  if (view.getUint32(0, true) === SUI_MAGIC && length <= size) return size - length;
  throw new Error("The executable isn't whole; install it anew");
}

/**
 * Where a script and its cache lie in an executable.
 *
 * @param read reads a part of the file
 */
export function findScript(
  name: string,
  { size, read }: { size: number; read: (part: Part) => Uint8Array },
): Cached<Part> {
  const end = sectionAt(size, read({ at: size - TRAILER, length: TRAILER })) - FOOTER;
  const footer = end < 0 ? new Uint8Array(FOOTER) : read({ at: end, length: FOOTER });
  const length = Number(viewOf(footer).getBigUint64(8, true));
  if (textOf(footer.subarray(0, 8)) !== NAME || length > end) {
    throw new Error("The executable has no daemon in it; install it anew");
  }
  return JSON.parse(textOf(read({ at: end - length, length })))[name];
}

/** An executable of `deno compile` with a block, in parts. @throws where it doesn't look as expected */
export function withBlock(
  executable: Uint8Array,
  scripts: Record<string, Cached<Uint8Array>>,
): Uint8Array[] {
  const start = sectionAt(executable.length, executable.subarray(-TRAILER));
  if (textOf(executable.subarray(start, start + SECTION.length)) !== SECTION) {
    throw new Error("deno compile has made another executable than is known here");
  }
  const parts: Uint8Array[] = [];
  let end = start;
  const placed = (bytes: Uint8Array): Part => {
    parts.push(bytes);
    end += bytes.length;
    return { at: end - bytes.length, length: bytes.length };
  };
  const index = Object.fromEntries(
    Object.entries(scripts).map(([name, { code, cache }]) => [
      name,
      { code: placed(code), cache: placed(cache) },
    ]),
  );
  const text = new TextEncoder().encode(JSON.stringify(index));
  const footer = new Uint8Array(FOOTER);
  footer.set(new TextEncoder().encode(NAME));
  viewOf(footer).setBigUint64(8, BigInt(text.length), true);
  return [executable.subarray(0, start), ...parts, text, footer, executable.subarray(start)];
}
