/**
 * What the executable loads in place of `cli/daemon.ts`: the daemon's code, which lies in it packed.
 *
 * Deno's runtime reads all that is in an executable before the program begins, and frees it at its end: some
 * 4 ms for each MiB, of every client command. Packed, the daemon's code is a quarter of it, and only who is
 * a daemon unpacks it, into memory that has no name: no file, which somebody could change or which
 * would be left over.
 *
 * @module
 */
import { gunzipSync } from "node:zlib";
import type { startDaemon as Start } from "../cli/daemon.ts";

/** Stands for the folder of the other parts of the bundle, which is known when the program runs. */
const FOLDER = "netsvc-bundle:";
/** `memfd_create(2)`: closed in processes that are started. */
const MFD_CLOEXEC = 1;

async function unpacked(): Promise<string> {
  const packed = await Deno.readFile(new URL("./daemon.js.gz", import.meta.url));
  // At once: streams make so many objects that collecting them costs three times the unpacking.
  const text = new TextDecoder().decode(gunzipSync(packed));
  return text.replaceAll(FOLDER, new URL(".", import.meta.url).href);
}

/** Imports a module that is only text. */
async function importText(text: string): Promise<{ startDaemon: typeof Start }> {
  const libc = Deno.dlopen("libc.so.6", {
    memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
    write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
    close: { parameters: ["i32"], result: "i32" },
  });
  const { memfd_create, write, close } = libc.symbols;
  const fd = memfd_create(new TextEncoder().encode("netsvc\0"), MFD_CLOEXEC);
  try {
    if (fd < 0) throw new Error("No memory for the daemon's code: memfd_create(2) failed");
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) {
      const rest = bytes.subarray(at);
      const written = Number(write(fd, rest, BigInt(rest.length)));
      if (written <= 0) throw new Error("No memory for the daemon's code: write(2) failed");
      at += written;
    }
    return await import(`file:///proc/self/fd/${fd}`);
  } finally {
    if (fd >= 0) close(fd);
    libc.close();
  }
}

/** Unpacks the daemon and runs it. */
export const startDaemon: typeof Start = async (given, config) =>
  await (await importText(await unpacked())).startDaemon(given, config);
