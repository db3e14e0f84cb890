/**
 * Keeps a process from its next program until something is ready for it: ptrace(2) stops it as soon as it has called
 * execve(2), before the first instruction. What it does before that, it does meanwhile: a container's first process
 * prepares the container, and to stop that too would make each start longer by all that it waits for. If the holder
 * ends, by SIGKILL too, the kernel resumes the process, unlike after SIGSTOP or with the freezer of control groups.
 *
 * @module
 */
import { sleep } from "../../async/sleep.ts";
import { libc } from "../libc.ts";

const PTRACE_CONT = 7n;
const PTRACE_DETACH = 17n;
const PTRACE_SEIZE = 0x4206n;
const PTRACE_INTERRUPT = 0x4207n;
const PTRACE_LISTEN = 0x4208n;
const PTRACE_O_TRACEEXEC = 0x10n;
const PTRACE_EVENT_EXEC = 4;
const PTRACE_EVENT_STOP = 128;
const SIGTRAP = 5;
const WNOHANG = 1;
const WALL = 0x40000000;
/** Time between two looks whether the process has stopped, in milliseconds. */
const PAUSE_MS = 2;
/** Looks before the wait for the stop ends. */
const TRIES = 500;

/** Resumes the process; harmless twice, and when it has ended. */
export type Release = () => Promise<void>;

const nothing: Release = () => Promise.resolve();

/**
 * Holds a process at its next execve(2). Where that can't be (it has ended, another process traces it, the kernel
 * forbids it) it runs on unheld.
 *
 * @param pid of its main thread, which is to call execve(2); others that it has run on
 * @param ms longest time that it is held, in milliseconds, whatever its holder does
 */
export function holdProcess(pid: number, ms: number): Release {
  const hold = new Hold(pid);
  if (!hold.seize()) return nothing;
  let released: Promise<void> | undefined;
  const release = () => {
    clearTimeout(timer);
    return released ??= hold.detach();
  };
  const timer = setTimeout(release, ms);
  return release;
}

/** One traced process. */
class Hold {
  readonly #pid: number;
  readonly #status = new Int32Array(1);
  #ended = false;
  #detaching = false;
  /** The signal that it is to go on with, while it stands: 0 for none. */
  #stands: number | undefined;

  constructor(pid: number) {
    this.#pid = pid;
  }

  #request(what: bigint, data = 0n): boolean {
    return Number(libc().ptrace(what, this.#pid, 0n, data)) === 0;
  }

  /** Begins to trace it. */
  seize(): boolean {
    if (!this.#request(PTRACE_SEIZE, PTRACE_O_TRACEEXEC)) return false;
    this.#follow();
    return true;
  }

  /** Lets it go on after each stop but that of its next program. Never rejects. */
  async #follow(): Promise<void> {
    while (!this.#detaching && !this.#ended) {
      this.#look();
      await sleep(PAUSE_MS);
    }
  }

  #look(): void {
    const found = libc().waitpid(this.#pid, this.#status, WNOHANG | WALL);
    const word = this.#status[0]!;
    // It has ended: after this waitpid its own parent is notified.
    if (found < 0 || (found === this.#pid && (word & 0xff) !== 0x7f)) this.#ended = true;
    else if (found === this.#pid) this.#stopped(word >> 16, (word >> 8) & 0xff);
  }

  /** It was stopped: by a signal that is to be delivered, which it gets then, or by an event. */
  #stopped(event: number, signal: number): void {
    if (this.#detaching || event === PTRACE_EVENT_EXEC) this.#stands = event === 0 ? signal : 0;
    // Somebody has stopped it as by SIGSTOP: it stays so until SIGCONT.
    else if (event === PTRACE_EVENT_STOP && signal !== SIGTRAP) this.#request(PTRACE_LISTEN);
    else this.#request(PTRACE_CONT, event === 0 ? BigInt(signal) : 0n);
  }

  /** Stops it, since ptrace(2) detaches stopped processes only, and detaches with the pending signal, if any. */
  async detach(): Promise<void> {
    this.#detaching = true;
    if (this.#stands === undefined) this.#request(PTRACE_INTERRUPT);
    for (let i = 0; i < TRIES && !this.#ended; i++) {
      const signal = this.#stands;
      if (signal !== undefined && this.#request(PTRACE_DETACH, BigInt(signal))) return;
      this.#look(); // Somebody may have killed it as it stood.
      if (this.#stands === signal) await sleep(PAUSE_MS);
    }
  }
}
