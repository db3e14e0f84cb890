/**
 * The thread that serves the names of sandboxes, seen from the daemon: tells it what changes, starts it again when it
 * fails, and says what it has counted. The sockets belong to the daemon, so they survive the thread.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { closeFd, errnoError, libc } from "../../../lib/linux/libc.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import type { Signal } from "../../../lib/async/signal.ts";
import type { QueryKind, ResolverSockets } from "../served_sandbox.ts";
import type { NamesChange } from "../zones/names.ts";
import {
  AT,
  type Begin,
  KINDS,
  MAX_EXPECTED,
  type OwnServers,
  type SharedWords,
  sharedWords,
  type Told,
  type ToldBack,
} from "./messages.ts";

const log = getLogger(["netsvc", "dns"]);

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);
/** Changes in one message: the thread answers between two of them. */
const MAX_CHANGES = 200;
/** How long the thread may leave what it is told, in milliseconds: then it is stuck. */
const STUCK_MS = 10_000;
/** How long a thread has to have lived for the next one to start at once, in milliseconds. */
const SHORT_MS = 10_000;
/** Pause before the next one otherwise, in milliseconds. */
const RESTART_MS = 1000;
/** How long the end of a sandbox may take, in milliseconds; beyond it the thread is left to its fate. */
const END_MS = 2000;

/** All names that sandboxes may ask for, and what changes in them. */
export interface NamesSource {
  all(): NamesChange[];
  readonly changes: Signal<readonly NamesChange[]>;
}

/** Looks out for a name among what is asked outside. */
export interface Expectation extends Disposable {
  /** Whether it has been asked. */
  readonly seen: boolean;
}

/** Serves the names of sandboxes, wherever that runs. */
export interface NamesServer {
  /** Serves a container's names on sockets that stay the caller's. */
  serve(container: string, sockets: ResolverSockets, own?: OwnServers): void;
  /** Uses other servers of a container's own. */
  useOwn(container: string, own: OwnServers): void;
  /** Ends it: uses the sockets no more. @param finish after what has arrived is answered */
  end(container: string, finish?: boolean): Promise<void>;
  /** Looks out for a name in lower case. */
  expect(name: string): Expectation;
  /** Queries so far. */
  counts(): Record<QueryKind, number>;
  close(): Promise<void>;
}

/** Options of {@linkcode ResolverThread}. */
export interface ResolverThreadOptions {
  /** Whether single words are never asked outside without a domain. */
  domainNeeded?: boolean;
  /** Starts the worker. */
  start?: () => Worker;
}

/** A thread that runs. */
interface Running {
  worker: Worker;
  port: MessagePort;
  shared: SharedWords;
  begun: number;
  told: number;
}

interface Served {
  sockets: ResolverSockets;
  own: OwnServers | undefined;
}

// `.ci/compile.ts` puts the bundle's name in place of this one.
function startWorker(): Worker {
  return new Worker(new URL("./resolver_worker.ts", import.meta.url), {
    type: "module",
    name: "resolver",
  });
}

/** The thread; it starts with the first sandbox. */
export class ResolverThread implements NamesServer {
  readonly #names: NamesSource;
  readonly #options: Required<ResolverThreadOptions>;
  readonly #served = new Map<string, Served>();
  /** Called when a ticket is done, or can't be any more. */
  readonly #tickets = new Map<number, () => void>();
  readonly #expected = new Map<string, number>();
  /** Of the first thread; the next ones go on with its counts. */
  readonly #shared = sharedWords();
  readonly #unsubscribe: () => void;
  readonly #wake: number;
  #running: Running | undefined;
  #ticket = 0;
  #closed = false;
  #timer: number | undefined;
  #watch: number | undefined;

  constructor(
    names: NamesSource,
    { domainNeeded = false, start = startWorker }: ResolverThreadOptions = {},
  ) {
    this.#names = names;
    this.#options = { domainNeeded, start };
    this.#wake = libc().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (this.#wake < 0) throw errnoError("make an event descriptor");
    this.#unsubscribe = names.changes.subscribe((changes) =>
      this.#tell({ type: "names", changes })
    );
  }

  serve(container: string, sockets: ResolverSockets, own?: OwnServers): void {
    // What waited is answered once, whatever becomes of the thread.
    this.#served.set(container, { sockets: { udp: sockets.udp, tcp: sockets.tcp }, own });
    if (!this.#running) this.#start(container);
    this.#tell({ type: "serve", container, sockets, ...own && { own } });
  }

  useOwn(container: string, own: OwnServers): void {
    const served = this.#served.get(container);
    if (!served) return;
    served.own = own;
    this.#tell({ type: "own", container, own });
  }

  async end(container: string, finish = false): Promise<void> {
    if (!this.#served.delete(container) || !this.#running) return;
    const ticket = ++this.#ticket;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tickets.set(ticket, resolve);
    const timer = setTimeout(() => this.#fail(this.#running, "doesn't end a sandbox"), END_MS);
    this.#tell({ type: "end", container, finish, ticket });
    await promise;
    clearTimeout(timer);
    this.#tickets.delete(ticket);
  }

  expect(name: string): Expectation {
    const taken = new Set(this.#expected.values());
    const place = Array.from({ length: MAX_EXPECTED }, (_, i) => i).find((i) => !taken.has(i)) ?? 0;
    const seen = () => Atomics.load(this.#shared.seen, place);
    const before = seen();
    this.#expected.set(name, place);
    this.#tell({ type: "expect", name, seen: place });
    return {
      get seen() {
        return seen() !== before;
      },
      [Symbol.dispose]: () => {
        this.#expected.delete(name);
        this.#tell({ type: "unexpect", name });
      },
    };
  }

  counts(): Record<QueryKind, number> {
    return Object.fromEntries(KINDS.map((kind, i) => [kind, this.#shared.counts[i]!])) as Record<
      QueryKind,
      number
    >;
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#unsubscribe();
    clearTimeout(this.#timer);
    this.#stop();
    closeFd(this.#wake);
    return Promise.resolve();
  }

  /** Starts the thread and tells it everything but of one container. */
  #start(except?: string): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const shared = sharedWords(this.#shared);
    const { port1, port2 } = new MessageChannel();
    const worker = this.#options.start();
    const running: Running = {
      ...{ worker, port: port1, shared, begun: performance.now(), told: 0 },
    };
    this.#running = running;
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(running, `failed: ${event.message}`);
    };
    worker.onmessage = ({ data }: MessageEvent<ToldBack>) => this.#hear(data);
    const begin: Begin = {
      ...{ port: port2, shared, wake: this.#wake },
      ...{ domainNeeded: this.#options.domainNeeded, debug: log.isEnabledFor("debug") },
    };
    worker.postMessage(begin, [port2]);
    const all = this.#names.all();
    for (let at = 0; at < all.length; at += MAX_CHANGES) {
      this.#tell({ type: "names", changes: all.slice(at, at + MAX_CHANGES) });
    }
    for (const [container, { sockets, own }] of this.#served) {
      if (container !== except) {
        this.#tell({ type: "serve", container, sockets, ...own && { own } });
      }
    }
    for (const [name, seen] of this.#expected) this.#tell({ type: "expect", name, seen });
  }

  #tell(told: Told): void {
    const running = this.#running;
    if (!running) return;
    const { port, shared: { state } } = running;
    port.postMessage(told);
    // What is counted is there to be read, since it was posted before.
    running.told = Atomics.add(state, AT.told, 1) + 1 | 0;
    if (Atomics.exchange(state, AT.woken, 1) === 0) libc().write(this.#wake, ONE, 8n);
    this.#watch ??= this.#watchOver(running);
  }

  /** Looks after a time whether the thread has taken what it was told by now. */
  #watchOver(running: Running): number {
    const since = running.told;
    const timer = setTimeout(() => {
      this.#watch = undefined;
      const behind = since - Atomics.load(running.shared.state, AT.taken) | 0;
      if (behind > 0) this.#fail(running, "is stuck");
    }, STUCK_MS);
    Deno.unrefTimer(timer);
    return timer;
  }

  #hear(told: ToldBack): void {
    if (told.type === "done") return this.#tickets.get(told.ticket)?.();
    const { category, level, text, properties } = told;
    const logger = getLogger([...category]);
    if (level === "warning") logger.warn(text, properties);
    else logger[level](text, properties);
  }

  /** Ends a thread that can't go on, and starts the next one. */
  #fail(running: Running | undefined, how: string): void {
    if (!running || running !== this.#running) return;
    log.error("The thread that serves names {how}; another one takes over", { how });
    this.#stop();
    const lived = performance.now() - running.begun;
    const next = () => {
      this.#timer = undefined;
      try {
        if (!this.#running && this.#served.size > 0) this.#start();
      } catch (error) {
        log.error("No thread serves names: {cause}", { cause: errorChain(error).join(": ") });
      }
    };
    if (lived >= SHORT_MS) next();
    else this.#timer = setTimeout(next, RESTART_MS);
  }

  #stop(): void {
    const running = this.#running;
    this.#running = undefined;
    clearTimeout(this.#watch);
    this.#watch = undefined;
    // It may go on for a moment, from names that aren't current any more.
    if (running) Atomics.store(running.shared.state, AT.over, 1);
    running?.worker.terminate();
    running?.port.close();
    // Its wait, which a thread of the pool is in, ends too.
    libc().write(this.#wake, ONE, 8n);
    for (const done of this.#tickets.values()) done();
  }
}
