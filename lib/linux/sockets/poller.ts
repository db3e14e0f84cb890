/**
 * Waits for descriptors that Deno doesn't know, with one thread of its pool for all of them: epoll(7).
 *
 * On a thread that has nothing else to do it may wait by itself ({@linkcode Poller.staying}): a round by way of
 * the pool and the event loop costs two changes of thread, and under load each waits for a processor.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { closeFd, errnoError, libc } from "../libc.ts";

/** Event of epoll_ctl(2): there is something to read. */
export const EPOLLIN = 0x1;
/** Event of epoll_ctl(2): there is room to write. */
export const EPOLLOUT = 0x4;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLL_CLOEXEC = 0o2000000;
const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
/** Size of `struct epoll_event`: packed on x86-64, aligned elsewhere. */
const EVENT_SIZE = Deno.build.arch === "x86_64" ? 12 : 16;
const DATA_OFFSET = EVENT_SIZE - 8;
/** Events per round, at most, so that a flood of them leaves time for other work. */
const MAX_EVENTS = 8;
/** How long a thread stays in the wait after the last event, in milliseconds. */
const STAY_MS = 100;
/** How long its event loop has no turn while events come, in milliseconds: under load a turn shows in an answer. */
const TURN_MS = 1000;
/** Stands for the descriptor that ends the wait. */
const WAKE = 0;

interface Watched {
  fd: number;
  ready: () => void;
}

/** Calls back when descriptors are ready; level-triggered. */
export class Poller {
  readonly #epoll: number;
  readonly #wake: number;
  /** By a number that is never reused: an event may arrive when its descriptor is another file's already. */
  readonly #watched = new Map<number, Watched>();
  readonly #numbers = new Map<number, number>();
  #next = WAKE + 1;
  #closed = false;
  #loop: Promise<void> | undefined;
  #stays = false;
  #held = 0;

  /** @throws {NetsvcError} `kernel` */
  constructor() {
    this.#epoll = libc().epoll_create1(EPOLL_CLOEXEC);
    if (this.#epoll < 0) throw errnoError("make an epoll instance");
    this.#wake = libc().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (this.#wake < 0) throw errnoError("make an event descriptor");
    this.#control(EPOLL_CTL_ADD, this.#wake, EPOLLIN, WAKE);
  }

  #control(operation: number, fd: number, events: number, number: number): void {
    const event = new DataView(new ArrayBuffer(EVENT_SIZE));
    event.setUint32(0, events, true);
    event.setUint32(DATA_OFFSET, number, true);
    const bytes = new Uint8Array(event.buffer);
    if (libc().epoll_ctl(this.#epoll, operation, fd, bytes) !== 0) {
      throw errnoError("watch a descriptor");
    }
  }

  /**
   * Calls `ready` whenever one of the events, an error or the peer's shutdown is pending, which may
   * have passed by then. @throws {NetsvcError} `kernel`
   */
  add(fd: number, events: number, ready: () => void): void {
    const number = this.#next;
    this.#next = number === 0xffffffff ? WAKE + 1 : number + 1;
    this.#control(EPOLL_CTL_ADD, fd, events, number);
    this.#watched.set(number, { fd, ready });
    this.#numbers.set(fd, number);
    this.#loop ??= this.#run();
  }

  /** Waits for other events of a descriptor. */
  change(fd: number, events: number): void {
    const number = this.#numbers.get(fd);
    if (number !== undefined) this.#control(EPOLL_CTL_MOD, fd, events, number);
  }

  /** Forgets a descriptor, which is still open; harmless twice. */
  remove(fd: number): void {
    const number = this.#numbers.get(fd);
    if (number === undefined) return;
    this.#numbers.delete(fd);
    this.#watched.delete(number);
    this.#control(EPOLL_CTL_DEL, fd, 0, number);
  }

  /**
   * From now on, while events come, waits on the calling thread itself, which does nothing else meanwhile: whoever
   * needs timers, promises or messages there takes a {@linkcode hold}, or has them up to {@linkcode TURN_MS} late.
   */
  staying(): void {
    this.#stays = true;
  }

  /** Until it is disposed of, the thread's event loop goes on between events. */
  hold(): Disposable {
    this.#held++;
    let over = false;
    return {
      [Symbol.dispose]: () => {
        if (!over) this.#held--;
        over = true;
      },
    };
  }

  async #run(): Promise<void> {
    const events = new Uint8Array(EVENT_SIZE * MAX_EVENTS);
    const view = new DataView(events.buffer);
    let turn = performance.now();
    for (let stay = false; !this.#closed;) {
      const n: number = stay
        ? libc().epoll_wait_here(this.#epoll, events, MAX_EVENTS, STAY_MS)
        : await libc().epoll_wait(this.#epoll, events, MAX_EVENTS, -1);
      for (let i = 0; i < n && !this.#closed; i++) {
        this.#watched.get(view.getUint32(i * EVENT_SIZE + DATA_OFFSET, true))?.ready();
      }
      const stayed = stay;
      stay = this.#stays && this.#held === 0 && n > 0;
      if (!stay || !stayed) turn = performance.now();
      else if (performance.now() - turn >= TURN_MS) {
        await new Promise<void>((resolve) => void setImmediate(resolve));
        turn = performance.now();
      }
    }
  }

  /** Ends the wait; the descriptors stay open. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#watched.clear();
    this.#numbers.clear();
    libc().write(this.#wake, new Uint8Array(new BigUint64Array([1n]).buffer), 8n);
    await this.#loop;
    closeFd(this.#epoll);
    closeFd(this.#wake);
  }
}
