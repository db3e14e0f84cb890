/**
 * Checks whether the host's resolvers answer, and whether they loop queries back to netsvc.
 *
 * @module
 */
// @ts-types="../../dns/codec/dns_packet.d.ts"
import { encode } from "dns-packet";
import { parseQuery, RCODES } from "../../dns/codec/codec.ts";
import { SANDBOX_RESOLVER } from "../../dns/files/resolv_conf.ts";
import { UpstreamSockets } from "../../dns/upstream/upstream_sockets.ts";
import type { Finding } from "../../../lib/api/types.ts";
import type { CheckContext } from "../check.ts";
import { findingsOf } from "../finding.ts";

const { ok, warning, problem } = findingsOf("dns");
/** Deadline for a resolver's answer, in milliseconds. */
const ANSWER_MS = 2_000;
/** Response codes of a resolver that doesn't serve this host. */
const UNWILLING = new Map<number, string>([
  [RCODES.SERVFAIL, "SERVFAIL"],
  [RCODES.NOTIMP, "NOTIMP"],
]);

/** The outcome of a query to one resolver. */
interface Answer {
  server: string;
  /** Response code; absent when no answer arrived. */
  code?: number;
  /** Round-trip time, in milliseconds. */
  time: number;
  /** Whether the query came back to netsvc's own resolver. */
  loop: boolean;
  /** For a resolver that refused: a search domain of the host for which it answers, if any. */
  own?: string;
}

/**
 * Queries every resolver for an external name; a resolver that refuses it (RFC 1035, 4.1.1: by policy) may
 * still answer for its own domains, which are likely to be the host's search domains.
 */
async function askAll(
  sockets: UpstreamSockets,
  names: CheckContext["names"],
  server: string,
  search: string[],
): Promise<Answer> {
  const answer = await ask(sockets, names, server, "example.com");
  if (answer.code !== RCODES.REFUSED) return answer;
  for (const domain of search) {
    const { code } = await ask(sockets, names, server, domain);
    if (code === RCODES.NOERROR || code === RCODES.NXDOMAIN) return { ...answer, own: domain };
  }
  return answer;
}

/** Queries a name that no resolver has seen before, so that none answers from its cache. */
async function ask(
  sockets: UpstreamSockets,
  names: CheckContext["names"],
  server: string,
  domain: string,
): Promise<Answer> {
  const label = crypto.getRandomValues(new Uint8Array(8)).toHex();
  const name = `netsvc-${label}.${domain}`;
  const query = new Uint8Array(encode({
    type: "query",
    id: 1,
    flags: 0x0100, // Recursion desired.
    questions: [{ type: "A", name }],
  }));
  const parsed = parseQuery(query);
  if (!parsed.ok) throw new Error("Our own question isn't one");
  using expected = names.expect(name);
  const start = performance.now();
  const reply = await sockets.ask(query, { hostname: server, port: 53 }, ANSWER_MS);
  const time = Math.round(performance.now() - start);
  const loop = expected.seen;
  return { server, time, loop, ...typeof reply !== "string" && { code: reply[3]! & 0xf } };
}

/** The findings that the answers lead to. */
function judge(answers: Answer[]): Finding[] {
  const working = answers.filter(({ code, loop }) =>
    code !== undefined && !UNWILLING.has(code) && !loop
  );
  const failing = working.length > 0 ? warning : problem;
  const rest = working.length > 0
    ? "names of the outside take longer where it is asked"
    : "containers can't resolve names of the outside";
  return answers.map(({ server, code, time, loop, own }) => {
    if (loop) {
      return failing(
        `DNS loop: the host's resolver ${server} asks netsvc's own resolvers in containers, which ask ` +
          `the host's again; ${rest}`,
        `Let ${server} ask a resolver of the outside, or take it out of /etc/resolv.conf`,
      );
    }
    if (code === undefined && server === SANDBOX_RESOLVER) {
      return failing(
        `DNS loop: /etc/resolv.conf of the host names ${server}, the address of netsvc's resolvers in ` +
          `containers, where nothing answers on the host; ${rest}`,
        "Name a resolver of the outside in the host's /etc/resolv.conf",
      );
    }
    if (code === undefined) {
      return failing(
        // A query that can't even be sent fails at once, long before the deadline.
        `The host's resolver ${server} ${
          time < ANSWER_MS / 2 ? "can't be reached" : `doesn't answer within ${ANSWER_MS / 1000} s`
        }; ${rest}`,
        `Check that ${server} can be reached on UDP port 53, or take it out of /etc/resolv.conf`,
      );
    }
    if (own !== undefined) {
      return ok(
        `The host's resolver ${server} answers for "${own}" within ${
          Math.max(1, time)
        } ms, and refuses ` +
          `names of the outside`,
      );
    }
    if (code === RCODES.REFUSED) {
      return warning(
        `The host's resolver ${server} refuses a name of the outside (REFUSED): containers resolve ` +
          `only what it answers for`,
        `That is well where ${server} knows the domains of this site alone; else see whether it may be ` +
          `asked from here`,
      );
    }
    const unwilling = UNWILLING.get(code);
    if (unwilling !== undefined) {
      return failing(
        `The host's resolver ${server} answers ${unwilling}; ${rest}`,
        `Look at the log of ${server} and whether it may be asked from here, or take it out of ` +
          `/etc/resolv.conf`,
      );
    }
    return ok(`The host's resolver ${server} answers within ${Math.max(1, time)} ms`);
  });
}

export async function checkResolvers({ resolvConf, names }: CheckContext): Promise<Finding[]> {
  const { nameservers, search } = resolvConf.current();
  if (nameservers.length === 0) {
    return [warning(
      "/etc/resolv.conf of the host names no resolver: containers can't resolve names of the outside",
      "Put a line nameserver IP into the host's /etc/resolv.conf",
    )];
  }
  const sockets = new UpstreamSockets();
  try {
    return judge(
      await Promise.all(nameservers.map((server) => askAll(sockets, names, server, search))),
    );
  } finally {
    await sockets.close();
  }
}
