/**
 * Packets of containers: those that they send each other all the time, and those that somebody on the underlay makes in
 * the clear, as if a host had sent them.
 *
 * @module
 */
import { run, spawn } from "./command.ts";

/** Source port of what is injected, by which a capture knows it. */
export const INJECTED_FROM = 6666;
/** Where containers listen. */
const PORT = 7777;
/** A container speaks to each other one so often, in seconds. */
const EVERY_S = 0.05;

/** What a container got, by what it says. */
export interface Got {
  /** From containers of the encrypted network. */
  sealed: number;
  /** What was injected for that network. */
  injected: number;
  /** What was injected for the network that isn't encrypted: whoever injects knows how. */
  control: number;
}

const LISTEN = `import json, select, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", ${PORT})); s.setblocking(False)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
peers = sys.argv[2:]; got = {"sealed": 0, "injected": 0, "control": 0}; due = 0
print("listening", flush=True)
while True:
    ready = select.select([s, sys.stdin], [], [], ${EVERY_S})[0]
    if s in ready:
        try:
            word = s.recv(2048).split(b" ")[0].decode(errors="replace")
            if word in got: got[word] += 1
        except OSError: pass
    if sys.stdin in ready: break
    if time.monotonic() >= due:
        due = time.monotonic() + ${EVERY_S}
        for peer in peers:
            try: s.sendto(b"sealed " + b"secret" * 20, (peer, ${PORT}))
            except OSError: pass
print(json.dumps(got), flush=True)
`;

/** A container that speaks and listens. */
export interface Listener {
  /** Ends it. What it got; nothing, where its host has lost its power meanwhile. */
  stop(): Promise<Got>;
}

const NOTHING: Got = { sealed: 0, injected: 0, control: 0 };

/**
 * Has a container speak to others, and count what it gets.
 *
 * @param mark a word by which the host's end finds the process
 */
export async function listen(
  sandbox: string,
  { mark, peers }: { mark: string; peers: string[] },
): Promise<Listener> {
  const child = spawn(["python3", "-c", LISTEN, mark, ...peers], {
    ...{ stdin: "piped", stdout: "piped", stderr: "null" } as const,
    namespace: sandbox,
  });
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  await reader.read();
  const said = (async () => {
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return text;
      text += value;
    }
  })();
  return {
    stop: async () => {
      await child.stdin.close().catch(() => {});
      await child.status;
      const text = (await said).trim();
      return text === "" ? NOTHING : JSON.parse(text);
    },
  };
}

/** An end of a network in a container. */
export interface End {
  ip: string;
  mac: string;
}

const INJECT = `import json, socket, struct, sys
o = json.loads(sys.stdin.read())
def checksum(b):
    t = sum(struct.unpack("!%dH" % (len(b) // 2), b)); t = (t & 0xffff) + (t >> 16); return ~(t + (t >> 16)) & 0xffff
def frame(to, by, word):
    body = word + b" " + b"x" * 32
    udp = struct.pack("!HHHH", 5555, ${PORT}, 8 + len(body), 0) + body
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(by["ip"]), socket.inet_aton(to["ip"]))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    mac = lambda text: bytes.fromhex(text.replace(":", ""))
    return mac(to["mac"]) + mac(by["mac"]) + b"\\x08\\x00" + head + udp
vxlan = lambda vni, inner: struct.pack("!BBHI", 8, 0, 0, vni << 8) + inner
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", ${INJECTED_FROM}))
sent = 0
for what in o["what"]:
    data = vxlan(what["vni"], frame(what["to"], what["by"], what["word"].encode()))
    for i in range(what["count"]):
        try: s.sendto(data, (o["host"], what["ports"][i % len(what["ports"])])); sent += 1
        except OSError: pass
print(sent)
`;

/** Packets of a kind that are injected. */
export interface Injection {
  word: keyof Got;
  vni: number;
  count: number;
  /** UDP ports of the host's, in turn. */
  ports: number[];
  /** Whose packets they would be, and whom they are for. */
  by: End;
  to: End;
}

/**
 * Sends VXLAN in the clear to a host.
 *
 * @param namespace of the host that sends it
 * @param host address of the one that it is for
 * @returns how many packets left
 */
export async function inject(
  namespace: string,
  { host, what }: { host: string; what: Injection[] },
): Promise<number> {
  const stdin = JSON.stringify({ host, what });
  const { code, stdout } = await run(["python3", "-c", INJECT], { namespace, stdin });
  return code === 0 ? Number(stdout) : 0;
}
