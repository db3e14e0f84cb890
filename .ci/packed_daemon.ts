/**
 * What the executable loads in place of `cli/daemon.ts`: the daemon's code, and what V8 made of it when the executable
 * was made, both from a block of the executable's file (`.ci/code_block.ts`).
 *
 * Deno's runtime reads all that `deno compile` puts into an executable before the program begins: some 4 ms for each
 * MiB, of every client command. The block is not of that, and only who is a daemon reads it. It can't be
 * changed without changing the executable: no file beside it has code for root to run.
 *
 * @module
 */
import { createRequire } from "node:module";
import { Script } from "node:vm";
import type { startDaemon as Start } from "../cli/daemon.ts";
import { type Cached, findScript, type Part } from "./code_block.ts";

const O_CLOEXEC = 0o2000000;
const SEEK_END = 2;

/** The code of a module of CommonJS, as a function of what it uses, and of the URL of the program. */
type Module = (
  require: NodeJS.Require,
  module: { exports: { startDaemon: typeof Start } },
  exports: unknown,
  url: string,
) => void;

/** Reads a script from this program's own file, whatever lies under its name by now. */
function readOwn(name: string): Cached<Uint8Array> {
  const libc = Deno.dlopen("libc.so.6", {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
    pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
    close: { parameters: ["i32"], result: "i32" },
  });
  const { open, lseek, pread, close } = libc.symbols;
  const fd = open(new TextEncoder().encode("/proc/self/exe\0"), O_CLOEXEC);
  const read = ({ at, length }: Part) => {
    const bytes = new Uint8Array(length);
    for (let had = 0; had < length;) {
      const rest = bytes.subarray(had);
      const n = Number(pread(fd, rest, BigInt(rest.length), BigInt(at + had)));
      if (n <= 0) throw new Error("Cannot read the executable; install it anew");
      had += n;
    }
    return bytes;
  };
  try {
    const { code, cache } = findScript(name, { size: Number(lseek(fd, 0n, SEEK_END)), read });
    return { code: read(code), cache: read(cache) };
  } finally {
    if (fd >= 0) close(fd);
    libc.close();
  }
}

/** Loads the daemon and runs it. */
export const startDaemon: typeof Start = async (given, config) => {
  const { code, cache } = readOwn("daemon");
  const script = new Script(new TextDecoder("latin1").decode(code), {
    filename: "netsvc:daemon",
    cachedData: cache,
  });
  const module = { exports: {} as { startDaemon: typeof Start } };
  const run: Module = script.runInThisContext();
  run(createRequire(import.meta.url), module, module.exports, import.meta.url);
  return await module.exports.startDaemon(given, config);
};
