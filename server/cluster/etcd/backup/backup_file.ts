/**
 * Backups as files: written whole or not at all, readable by root alone, checked to the last line before anything is
 * done with them.
 *
 * @module
 */
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { errorChain, NetsvcError } from "../../../../lib/api/errors.ts";
import { type BackupEntry, type BackupHeader, backupLines, BackupReader } from "./backup_format.ts";

/** Writes a backup. @returns its size, in bytes */
export async function writeBackup(
  path: string,
  { header, entries }: { header: BackupHeader; entries: AsyncIterable<BackupEntry> },
): Promise<number> {
  const unfinished = `${path}.${crypto.randomUUID().slice(0, 8)}.part`;
  try {
    await pipeline(
      Readable.from(backupLines(header, entries)),
      createGzip(),
      createWriteStream(unfinished, { flags: "wx", mode: 0o600 }),
    );
    using file = await Deno.open(unfinished, { read: true, write: true });
    await file.syncData();
    const { size } = await file.stat();
    await Deno.rename(unfinished, path);
    return size;
  } catch (error) {
    await Deno.remove(unfinished).catch(() => {}); // It may never have been there.
    if (error instanceof NetsvcError) throw error;
    throw new NetsvcError("invalid", `Cannot write "${path}": ${errorChain(error)[0]}`, {
      cause: error,
    });
  }
}

/** Reads a whole backup and checks it, keeping nothing but what it says of itself. @throws {NetsvcError} `invalid` */
export async function checkBackup(
  path: string,
): Promise<{ header: BackupHeader; entries: number }> {
  const reader = new BackupReader();
  for await (const _ of read(path, reader));
  return reader.end();
}

/** The entries of a backup. To be read after {@linkcode checkBackup}. @throws {NetsvcError} `invalid` */
export async function* readBackup(path: string): AsyncGenerator<BackupEntry> {
  yield* read(path, new BackupReader());
}

async function* read(path: string, reader: BackupReader): AsyncGenerator<BackupEntry> {
  const refuse = (error: unknown) =>
    new NetsvcError(
      "invalid",
      `Cannot read the backup "${path}": ${
        errorChain(error)[0]
      }; give a file that "netsvc cluster backup" has written`,
      {
        cause: error,
      },
    );
  try {
    if (!(await Deno.stat(path)).isFile) throw new Error("it is no file");
    yield* entriesOf(path, reader);
  } catch (error) {
    throw refuse(error);
  }
}

async function* entriesOf(path: string, reader: BackupReader): AsyncGenerator<BackupEntry> {
  const file = createReadStream(path);
  const unpacked = createGunzip();
  // Its failure is that of what is read of it.
  const feeding = pipeline(file, unpacked).catch(() => {});
  const closed = once(file, "close").catch(() => {}); // A failure is told by the pipeline.
  try {
    let rest = "";
    for await (const chunk of unpacked.setEncoding("utf8")) {
      const lines = (rest + String(chunk)).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const entry = reader.take(line);
        if (entry) yield entry;
      }
    }
    await feeding;
    if (rest !== "") reader.take(rest);
    reader.end();
  } finally {
    // Who stops in the midst, as a bad backup does, leaves no file open.
    unpacked.destroy();
    await feeding;
    file.destroy();
    await closed;
  }
}
