/**
 * The thread that serves names: it waits for the sandboxes' sockets by itself, so that nothing else that the daemon
 * does shows in an answer.
 *
 * What it is told it takes before it answers whatever came after the telling: a counter in shared memory says whether
 * there is something, and the messages are read then and there, without a round of the event loop.
 *
 * @module
 */
import { receiveMessageOnPort } from "node:worker_threads";
import { configureSync, getLogger, type LogRecord } from "@logtape/logtape";
import { libc } from "../../../lib/linux/libc.ts";
import { runPromptly } from "../../../lib/linux/processes/promptness.ts";
import { EPOLLIN } from "../../../lib/linux/sockets/poller.ts";
import { leasePoller } from "../../../lib/linux/sockets/shared_poller.ts";
import { HostResolvConf } from "../files/resolv_conf.ts";
import { ResolverServer } from "../server.ts";
import { Forwarder } from "../upstream/forwarder.ts";
import { AT, type Begin, KINDS, type Told, type ToldBack } from "./messages.ts";
import { ServedNames } from "./served_names.ts";

/** The global object of a worker, as far as it is needed. */
const thread = globalThis as unknown as {
  onmessage: ((event: MessageEvent<Begin>) => void) | null;
  postMessage(message: ToldBack): void;
};
/** Lines of the log in a second, at most: who floods a resolver shall not flood the log. */
const MAX_LINES = 20;

/** Stretches of the processor: a few of them answer a batch. In milliseconds. */
const STRETCH_MS = 0.1;

thread.onmessage = ({ data }) => {
  thread.onmessage = null;
  begin(data);
};

function begin({ port, shared, wake, domainNeeded, debug }: Begin): void {
  startLogging(debug);
  runPromptly(STRETCH_MS);
  const { state, counts, seen } = shared;
  const log = getLogger(["netsvc", "dns"]);
  const { poller } = leasePoller();
  poller.staying();
  const conf = new HostResolvConf();
  const resolver = new ResolverServer({
    forwarder: new Forwarder(() => conf.current().nameservers.map((hostname) => ({ hostname }))),
    words: () => ({ ...conf.current(), domainNeeded }),
    count: (kind, queries) => {
      counts[KINDS.indexOf(kind)]! += queries;
    },
    catchUp,
  });
  const names = new ServedNames({
    resolver,
    done: (ticket) => thread.postMessage({ type: "done", ticket }),
    seen: (place) => Atomics.add(seen, place, 1),
  });
  const eight = new Uint8Array(8);
  poller.add(wake, EPOLLIN, () => {
    libc().read(wake, eight, 8n);
    Atomics.store(state, AT.woken, 0);
    catchUp();
  });
  catchUp();

  function catchUp(): boolean {
    if (Atomics.load(state, AT.over) !== 0) {
      poller.close().catch(() => {});
      return false;
    }
    while (Atomics.load(state, AT.taken) !== Atomics.load(state, AT.told)) {
      const told = receiveMessageOnPort(
        port as unknown as Parameters<typeof receiveMessageOnPort>[0],
      );
      if (!told) break;
      try {
        names.take(told.message as Told);
      } catch (error) {
        log.error("What was told of names can't be taken: {error}", { error });
      }
      Atomics.add(state, AT.taken, 1);
    }
    return true;
  }
}

/** Hands the log to the daemon, who writes it. */
function startLogging(debug: boolean): void {
  let second = 0, lines = 0;
  const hand = ({ category, level, rawMessage, properties }: LogRecord) => {
    const now = Math.floor(performance.now() / 1000);
    if (now !== second) [second, lines] = [now, 0];
    if (++lines > MAX_LINES || level === "trace") return;
    const text = typeof rawMessage === "string" ? rawMessage : rawMessage.join("{}");
    const line = { type: "log", category, level, text } as const;
    try {
      thread.postMessage({ ...line, properties });
    } catch {
      // Something of it can't be copied.
      const words = Object.entries(properties).map(([key, value]) => [key, String(value)]);
      thread.postMessage({ ...line, properties: Object.fromEntries(words) });
    }
  };
  configureSync({
    sinks: { daemon: hand },
    loggers: [
      { category: "netsvc", sinks: ["daemon"], lowestLevel: debug ? "debug" : "info" },
      { category: ["logtape", "meta"], sinks: ["daemon"], lowestLevel: "error" },
    ],
  });
}
