/**
 * Reads the files that a store URL names.
 *
 * @module
 */
import { errorChain, NetsvcError } from "../../lib/api/errors.ts";
import { belongs, certificates } from "./pem.ts";
import { FILES, type ParsedStoreUrl, type StoreUrl } from "./store_url.ts";

/**
 * Reads certificates, keys and secrets.
 *
 * @throws {NetsvcError} `invalid` for a file that can't be read or isn't what it should be
 */
export async function readStoreFiles(parsed: ParsedStoreUrl): Promise<StoreUrl> {
  const { tls, files, ...rest } = parsed;
  const read = new Map<string, string>();
  for (const name of FILES) {
    const path = files[name];
    if (path !== undefined) read.set(name, await readOne(name, path));
  }
  const [cert, key] = [read.get("cert"), read.get("key")];
  if (cert !== undefined && key !== undefined && !belongs(key, cert)) {
    throw new NetsvcError(
      "invalid",
      `The store's key file ${JSON.stringify(files.key)} is not that of the certificate in ` +
        JSON.stringify(files.cert),
    );
  }
  const of = (...names: typeof FILES[number][]) =>
    Object.fromEntries(names.flatMap((name) => read.has(name) ? [[name, read.get(name)!]] : []));
  return { ...rest, ...of("password", "token"), ...tls && { tls: of("ca", "cert", "key") } };
}

async function readOne(name: typeof FILES[number], path: string): Promise<string> {
  const what = { ca: "CA", cert: "certificate", key: "key", password: "password", token: "token" };
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw new NetsvcError(
      "invalid",
      `Cannot read the store's ${what[name]} file ${JSON.stringify(path)}: ${errorChain(error)[0]}`,
      { cause: error },
    );
  }
  if (name === "password" || name === "token") {
    const secret = text.replace(/[\r\n]+$/, "");
    if (secret !== "") return secret;
    throw new NetsvcError(
      "invalid",
      `The store's ${what[name]} file ${JSON.stringify(path)} is empty`,
    );
  }
  const holds = name === "key"
    ? /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)
    : certificates(text).length > 0;
  if (holds) return text;
  throw new NetsvcError(
    "invalid",
    `The store's ${what[name]} file ${JSON.stringify(path)} holds no PEM ${
      name === "key" ? "private key" : "certificate"
    }`,
  );
}
