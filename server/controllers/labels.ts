/**
 * Labels of objects in messages. Pure.
 *
 * @module
 */
import { shortId } from "../../lib/api/names.ts";
import type { BackendRecord } from "../model/records.ts";

/** ` as "front"`: the stored spelling of a name that was asked for in another case. */
export function inCase(asked: string, known: string | undefined): string {
  return known === undefined || known === asked ? "" : ` as "${known}"`;
}

/** `2 services: db, web`. */
export function nameList(what: string, names: string[]): string {
  const shown = names.slice(0, 10).join(", ") + (names.length > 10 ? ", …" : "");
  return `${names.length} ${what}${names.length === 1 ? "" : "s"}: ${shown}`;
}

/** Name of a container for people: its name, else its short id. */
export function containerLabel(container: { id: string; name?: string }): string {
  return container.name ?? shortId(container.id);
}

/** The container of a backend, for {@linkcode containerLabel}. */
export function backendContainer(backend: BackendRecord): { id: string; name?: string } {
  return {
    id: backend.container,
    ...backend.containerName !== undefined && { name: backend.containerName },
  };
}
