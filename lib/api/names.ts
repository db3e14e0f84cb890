/**
 * The rules of names and references, the same for client and server. Pure.
 *
 * @module
 */
import { NetsvcError } from "./errors.ts";

/** Longest name: a DNS label (RFC 1035, 2.3.4). */
const MAX_NAME_LENGTH = 63;
/** Largest weight of a backend. */
export const MAX_WEIGHT = 100;

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/;

/**
 * Checks a name: letters, digits, `_`, `-`, not starting with `-`, at most 63 characters.
 *
 * @throws {NetsvcError} `invalid`, naming the value and the rule
 */
export function checkName(what: string, name: string): string {
  if (name === "") throw new NetsvcError("invalid", `The ${what} name is empty; give it a name`);
  if (name.length > MAX_NAME_LENGTH) {
    throw new NetsvcError(
      "invalid",
      `Invalid ${what} name "${name.slice(0, 20)}…": ${name.length} characters, ` +
        `at most ${MAX_NAME_LENGTH} are allowed`,
    );
  }
  if (!NAME.test(name)) {
    throw new NetsvcError(
      "invalid",
      `Invalid ${what} name ${JSON.stringify(name)}: use letters, digits, "_" and "-", ` +
        `starting with a letter, a digit or "_"`,
    );
  }
  return name;
}

/** Longest name of DNS as people write it (RFC 1035, 2.3.4). */
const MAX_ALIAS_LENGTH = 253;

/**
 * Checks an alias: names, as {@linkcode checkName} has them, with dots between.
 *
 * @throws {NetsvcError} `invalid`, naming the value and the rule
 */
export function checkAlias(alias: string): string {
  if (alias.length > MAX_ALIAS_LENGTH) {
    throw new NetsvcError(
      "invalid",
      `Invalid alias name "${alias.slice(0, 20)}…": ${alias.length} characters, ` +
        `at most ${MAX_ALIAS_LENGTH} are allowed`,
    );
  }
  const labels = alias.split(".");
  if (labels.length === 1) return checkName("alias", alias);
  if (labels.every((label) => label.length <= MAX_NAME_LENGTH && NAME.test(label))) return alias;
  throw new NetsvcError(
    "invalid",
    `Invalid alias name ${
      JSON.stringify(alias)
    }: use names of at most ${MAX_NAME_LENGTH} letters, ` +
      `digits, "_" and "-", with dots between`,
  );
}

/**
 * netsvc's name for a container or a network that another program named: characters that a label
 * can't have are replaced, dots too, since in DNS a dot separates service and network.
 */
export function dnsName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_-]/g, "-").replace(/^-+/, "").slice(0, MAX_NAME_LENGTH);
}

/** Its name where another host's container on the network already has that one. */
export function hostedName(container: string, host: string): string {
  return dnsName(`${dnsName(container).slice(0, 40)}-${host}`);
}

/** `SERVICE[.NETWORK]`, split at the last dot. */
export function splitServiceReference(reference: string): { service: string; network?: string } {
  const dot = reference.lastIndexOf(".");
  if (dot < 0) return { service: reference };
  return { service: reference.slice(0, dot), network: reference.slice(dot + 1) };
}

/** Whether a reference could be an id or the prefix of one. */
export function isIdPrefix(reference: string): boolean {
  return /^[0-9a-f]{1,64}$/.test(reference);
}

/** An id as tables show it: its first 12 digits. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}
