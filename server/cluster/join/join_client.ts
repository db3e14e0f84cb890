/**
 * How a host asks to be taken in. It trusts nothing but the authority whose fingerprint its token has: the certificate
 * of that is fetched from whoever answers, and thrown away unless it has that fingerprint; the token goes over a
 * connection that this authority vouches for, and no other.
 *
 * @module
 */
import https from "node:https";
import { ERROR_STATUS, errorChain, type ErrorCode, NetsvcError } from "../../../lib/api/errors.ts";
import {
  certificatesOf,
  fingerprint,
  isSignedBy,
  readCertificate,
} from "../../../lib/x509/x509.ts";
import type { OwnToken } from "../control/token.ts";
import { JoinAnswer, type JoinRequest, MAX_BODY, Refusal } from "./protocol.ts";

/** Time for one question, in milliseconds. */
const ASK_MS = 10_000;
/** What a voter may answer with, in bytes. */
const MAX_ANSWER = 256 * 1024;

/** A question to a voter. */
interface Question {
  address: string;
  method: "GET" | "POST";
  path: string;
  body?: string;
  /** PEM of who vouches for the voter; absent: nobody does, and nothing secret may be said. */
  ca?: string;
}

function ask(
  { address, method, path, body, ca }: Question,
): Promise<{ status: number; text: string }> {
  const url = new URL(`https://${address}${path}`);
  return new Promise((resolve, reject) => {
    const request = https.request(url, {
      method,
      ...ca === undefined ? { rejectUnauthorized: false } : { ca, rejectUnauthorized: true },
      agent: false,
      timeout: ASK_MS,
      headers: body === undefined ? {} : {
        "content-type": "application/json",
        "content-length": new TextEncoder().encode(body).length,
      },
    }, (response) => {
      const chunks: Uint8Array[] = [];
      let size = 0;
      response.on("data", (chunk: Uint8Array) => {
        size += chunk.length;
        if (size > MAX_ANSWER) request.destroy(new Error("the answer is too long"));
        else chunks.push(chunk);
      });
      response.on("error", reject);
      response.on("end", async () => {
        const text = await new Blob(chunks as Uint8Array<ArrayBuffer>[]).text();
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    const timer = setTimeout(() => request.destroy(new Error("it didn't answer in time")), ASK_MS);
    request.on("close", () => clearTimeout(timer));
    request.on("error", reject);
    request.end(body);
  });
}

/** The address that this host reaches a voter from. */
export async function localAddress(addresses: readonly string[]): Promise<string | undefined> {
  for (const address of addresses) {
    const { hostname, port } = new URL(`https://${address}`);
    try {
      using conn = await Deno.connect({
        hostname: hostname.replace(/^\[|\]$/g, ""),
        port: Number(port),
        signal: AbortSignal.timeout(ASK_MS),
      });
      return (conn.localAddr as Deno.NetAddr).hostname;
    } catch {
      continue; // Joining says why.
    }
  }
  return undefined;
}

/**
 * Asks the voters of a token one after the other.
 *
 * @throws {NetsvcError} what a voter refused with; `unauthorized` when who answers isn't of the token's cluster;
 * `unavailable`
 */
export async function requestJoin(token: OwnToken, request: JoinRequest): Promise<JoinAnswer> {
  let failure: NetsvcError | undefined;
  for (const address of token.addresses) {
    try {
      return await requestOf(address, token, request);
    } catch (error) {
      if (!(error instanceof NetsvcError) || error.code !== "unavailable") throw error;
      failure = error;
    }
  }
  throw failure ?? new NetsvcError("invalid", "The join token names no host to ask");
}

async function requestOf(
  address: string,
  token: OwnToken,
  request: JoinRequest,
): Promise<JoinAnswer> {
  const ca = await authorityOf(address, token);
  const body = JSON.stringify(request);
  if (body.length > MAX_BODY) throw new NetsvcError("invalid", "The request to join is too long");
  const { status, text } = await reach(address, {
    address,
    method: "POST",
    path: "/join",
    body,
    ca,
  });
  if (status !== 200) throw refusal(address, text);
  const { success, data } = JoinAnswer.safeParse(readJson(text));
  if (!success) {
    throw new NetsvcError(
      "unsupported",
      `${address} answers in a way that this netsvc doesn't know; upgrade it`,
    );
  }
  checkAnswer(data, { ca, request });
  return data;
}

async function authorityOf(address: string, { fingerprint: wanted }: OwnToken): Promise<string> {
  const { text } = await reach(address, { address, method: "GET", path: "/authority" });
  const found = certificatesOf(text).find((pem) => fingerprintOf(pem) === wanted);
  if (found !== undefined) return found;
  throw new NetsvcError(
    "unauthorized",
    `${address} is not of the cluster that the join token is of: it has another authority; nothing was told to it`,
  );
}

function fingerprintOf(pem: string): string | undefined {
  try {
    return fingerprint(pem);
  } catch {
    return undefined;
  }
}

async function reach(
  address: string,
  question: Question,
): Promise<{ status: number; text: string }> {
  try {
    return await ask(question);
  } catch (error) {
    const why = errorChain(error)[0]!;
    const untrusted = /certificate|UnknownIssuer|CERT_|SIGNATURE|self.signed|handshake|altname/i
      .test(why);
    throw untrusted
      ? new NetsvcError(
        "unauthorized",
        `${address} can't show a certificate of the cluster's authority: ${why}; is the clock of this host right?`,
        { cause: error },
      )
      : new NetsvcError(
        "unavailable",
        `Cannot reach the cluster at ${address}: ${why}; is its daemon running, and TCP port ` +
          `${new URL(`https://${address}`).port} open?`,
        { cause: error },
      );
  }
}

function refusal(address: string, text: string): NetsvcError {
  const { data } = Refusal.safeParse(readJson(text));
  const code = data && data.code in ERROR_STATUS ? data.code as ErrorCode : "internal";
  return new NetsvcError(code, data?.message ?? `${address} refused, and didn't say why`);
}

/** Looks at what was given before it is kept: a certificate for this host's key, of the token's authority. */
function checkAnswer(
  { certificate, authorities }: JoinAnswer,
  { ca, request }: { ca: string; request: JoinRequest },
): void {
  const own = certificatesOf(certificate);
  const all = certificatesOf(authorities);
  const good = own.length === 1 && isSignedBy(own[0]!, authorities) &&
    readCertificate(own[0]!).commonName === request.host.id &&
    all.some((pem) => fingerprintOf(pem) === fingerprintOf(ca));
  if (good) return;
  throw new NetsvcError(
    "unauthorized",
    `The certificate that the cluster gave to this host isn't good; is the clock of this host right (${
      new Date().toISOString()
    })?`,
  );
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
