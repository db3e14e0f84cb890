/**
 * A network namespace that nothing but this process knows: gone, with all that is in it, when it is
 * closed or when the process ends, by SIGKILL too.
 *
 * @module
 */
import { closeFd, openFd } from "../libc.ts";
import { createNamespace } from "./namespace.ts";

/** The namespace, empty. */
export class ScratchNamespace implements Disposable {
  readonly #fd: number;

  /** @throws {NetsvcError} `kernel` when the kernel makes none */
  constructor() {
    this.#fd = createNamespace(() => openFd("/proc/thread-self/ns/net"));
  }

  /** For this process and those that it starts. */
  get path(): string {
    return `/proc/${Deno.pid}/fd/${this.#fd}`;
  }

  [Symbol.dispose](): void {
    closeFd(this.#fd);
  }
}
