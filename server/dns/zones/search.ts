/**
 * Single words that are no names of services here, tried with the domains of a search list (resolv.conf(5)): C
 * libraries differ in whether they do so themselves. The client gets the answer to its question, a CNAME that leads
 * to the name found.
 *
 * @module
 */
import { errorReply, type Query, RCODES, truncateForwarded } from "../codec/codec.ts";
import type { Forwarder } from "../upstream/forwarder.ts";
import { answerByAlias, count, HEADER } from "../codec/records.ts";

/** Most domains that are tried. */
const MAX_DOMAINS = 6;
/** How long further domains are tried, in milliseconds. */
const WALK_MS = 4000;
/** Types that clients ask about domains themselves, top-level ones too, and never about hosts. */
const OF_DOMAINS = new Set(["NS", "SOA", "DS", "DNSKEY"]);
/** Those types that DNSSEC needs of every domain along the path (RFC 4035, 5). */
const OF_DNSSEC = new Set(["DS", "DNSKEY"]);
const TYPE_A = 1;
const TYPE_AAAA = 28;
/** The truncation bit in the third byte of a message. */
const TC = 0x02;
/** Longest name, in bytes (RFC 1035, 2.3.4). */
const MAX_NAME = 255;

/** How single words are resolved. */
export interface WordRules {
  /** Domains to try, best first. */
  search: string[];
  /** Whether they are never asked outside without a domain. */
  domainNeeded: boolean;
}

type Ask = (message: Uint8Array, query: Query) => Promise<Uint8Array | undefined>;

function rcodeOf(reply: Uint8Array): number {
  return reply[3]! & 0xf;
}

/** Whether a query is for a single word. */
export function isWord({ question }: Query): boolean {
  return question.name !== "" && !question.name.includes(".");
}

/** A domain in wire form; `undefined` for an invalid one, or the root, which adds nothing. */
export function domainBytes(domain: string): Uint8Array | undefined {
  const labels = domain.replace(/\.$/, "").split(".");
  if (!labels.every((label) => /^[A-Za-z0-9_-]{1,63}$/.test(label))) return undefined;
  return new Uint8Array([
    ...labels.flatMap((label) => [label.length, ...new TextEncoder().encode(label)]),
    0,
  ]);
}

/** The query for the word with a domain appended; `undefined` where that is too long for a name. */
function inDomain(message: Uint8Array, query: Query, domain: Uint8Array) {
  const word = query.questionBytes.subarray(0, query.questionBytes[0]! + 1);
  if (word.length + domain.length > MAX_NAME) return undefined;
  const questionBytes = new Uint8Array([...word, ...domain, ...query.questionBytes.slice(-4)]);
  const rest = message.subarray(HEADER + query.questionBytes.length);
  const longer = new Uint8Array(HEADER + questionBytes.length + rest.length);
  longer.set(message.subarray(0, HEADER));
  longer.set(questionBytes, HEADER);
  longer.set(rest, HEADER + questionBytes.length);
  return { message: longer, query: { ...query, questionBytes } };
}

/** The same question for the other type of address; `undefined` for other types. */
function sibling(message: Uint8Array, query: Query) {
  const at = query.questionBytes.length - 3;
  const other = { A: TYPE_AAAA, AAAA: TYPE_A }[query.question.type];
  if (other === undefined) return undefined;
  const questionBytes = query.questionBytes.slice();
  questionBytes[at] = other;
  const copy = message.slice();
  copy.set(questionBytes, HEADER);
  return { message: copy, query: { ...query, questionBytes } };
}

/** Whether an answer has records, or was truncated. */
function hasRecords(reply: Uint8Array | undefined): boolean {
  return reply !== undefined && rcodeOf(reply) === RCODES.NOERROR &&
    (count(reply, 1) > 0 || (reply[2]! & TC) !== 0);
}

/**
 * Answers a single word: with the first domain of the list in which it exists, otherwise without a domain.
 *
 * A domain in which the name exists without that type ends the search only if the name has the other type of
 * address: where a domain has a wildcard for mail alone, every name exists in it.
 *
 * @returns `undefined` where no server answers
 */
async function askWord(
  message: Uint8Array,
  query: Query,
  { search, domainNeeded }: WordRules,
  ask: Ask,
): Promise<Uint8Array | undefined> {
  const deadline = performance.now() + WALK_MS;
  const { type } = query.question;
  const domains = OF_DOMAINS.has(type) ? [] : search.slice(0, MAX_DOMAINS);
  let exists: Uint8Array | undefined;
  let broken = false;
  for (const domain of domains.map(domainBytes)) {
    const full = domain && inDomain(message, query, domain);
    if (!full || performance.now() >= deadline) continue;
    const reply = await ask(full.message, full.query);
    if (!reply) return undefined;
    broken ||= rcodeOf(reply) === RCODES.SERVFAIL;
    if (rcodeOf(reply) !== RCODES.NOERROR) continue;
    if (reply[2]! & TC) return truncateForwarded(query);
    const answer = answerByAlias(reply, query.questionBytes);
    if (hasRecords(reply) && answer) return answer;
    broken ||= !answer;
    const other = sibling(full.message, full.query);
    if (answer && other && hasRecords(await ask(other.message, other.query))) return answer;
    exists ??= answer;
  }
  const failure = () => errorReply(message, broken ? "SERVFAIL" : "NXDOMAIN", query);
  if (domainNeeded && !OF_DNSSEC.has(type)) return exists ?? failure();
  const reply = await ask(message, query);
  if (!reply || rcodeOf(reply) !== RCODES.NXDOMAIN) return reply ?? exists;
  return exists ?? (broken ? failure() : reply);
}

/** A question, and how it arrived. */
export interface Asked {
  message: Uint8Array;
  query: Query;
  tcp: boolean;
}

/** The resolvers to ask. */
export interface Outside {
  rules: WordRules;
  forwarder: Pick<Forwarder, "answer">;
}

/** Asks outside about names that aren't known here; `undefined` where no server answers. */
export function askOutside(
  { message, query, tcp }: Asked,
  { rules, forwarder }: Outside,
): Promise<Uint8Array | undefined> {
  const ask: Ask = (message, query) => forwarder.answer(message, query, tcp);
  return isWord(query) ? askWord(message, query, rules, ask) : ask(message, query);
}
