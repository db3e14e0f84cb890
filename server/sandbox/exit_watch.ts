/**
 * Tells when processes end, also those that an earlier daemon started: by pidfd_open(2) and epoll(7), with one
 * thread of Deno's pool waiting for all of them.
 *
 * @module
 */
import { errnoError, libc } from "../../lib/linux/libc.ts";
import { identify, type ProcessIdentity } from "../../lib/linux/processes/process_table.ts";

const SYS_PIDFD_OPEN = 434n;
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
/** Size of `struct epoll_event`: packed on x86-64, aligned elsewhere. */
const EVENT_SIZE = Deno.build.arch === "x86_64" ? 12 : 16;
const DATA_OFFSET = EVENT_SIZE - 8;
const MAX_EVENTS = 64;
/** Longest wait, in milliseconds, so that a closed watch releases its thread. */
const WAIT_MS = 1000;

/** Watches processes until it is closed. */
export class ExitWatch {
  readonly #epoll: number;
  readonly #watched = new Map<number, () => void>();
  #closed = false;
  #loop: Promise<void> | undefined;

  constructor() {
    this.#epoll = libc().epoll_create1(EPOLL_CLOEXEC);
    if (this.#epoll < 0) throw errnoError("make an epoll instance");
  }

  /** Calls `ended` once: when the recorded process ends, or if it has ended already. */
  watch(record: ProcessIdentity, ended: () => void): void {
    const fd = Number(libc().syscall(SYS_PIDFD_OPEN, BigInt(record.pid), 0n));
    // The pid may be reused between check and open: so check after the open.
    if (fd < 0 || identify(record.pid)?.start !== record.start) {
      if (fd >= 0) libc().close(fd);
      queueMicrotask(ended);
      return;
    }
    const event = new DataView(new ArrayBuffer(EVENT_SIZE));
    event.setUint32(0, EPOLLIN, true);
    event.setUint32(DATA_OFFSET, fd, true);
    const bytes = new Uint8Array(event.buffer);
    if (libc().epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, bytes) !== 0) {
      const error = errnoError(`watch process ${record.pid}`);
      libc().close(fd);
      throw error;
    }
    this.#watched.set(fd, ended);
    this.#loop ??= this.#run();
  }

  async #run(): Promise<void> {
    const events = new Uint8Array(EVENT_SIZE * MAX_EVENTS);
    const view = new DataView(events.buffer);
    while (!this.#closed && this.#watched.size > 0) {
      const n = await libc().epoll_wait(this.#epoll, events, MAX_EVENTS, WAIT_MS);
      for (let i = 0; i < n; i++) {
        const fd = view.getUint32(i * EVENT_SIZE + DATA_OFFSET, true);
        const ended = this.#watched.get(fd);
        this.#watched.delete(fd);
        libc().close(fd);
        ended?.();
      }
    }
    this.#loop = undefined;
    if (this.#closed) this.#closeAll();
  }

  /** Stops watching; calls no callback any more. */
  close(): void {
    this.#closed = true;
    if (!this.#loop) this.#closeAll();
  }

  #closeAll(): void {
    for (const fd of this.#watched.keys()) libc().close(fd);
    this.#watched.clear();
    libc().close(this.#epoll);
  }
}
