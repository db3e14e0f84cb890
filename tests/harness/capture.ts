/**
 * What passes a link, by tcpdump.
 *
 * @module
 */
import { spawn } from "./command.ts";

/** A capture under way. */
export interface Capture {
  /** Its packets so far, a line each. */
  seen(): readonly string[];
  /** Ends it. @returns its packets, a line each */
  stop(): Promise<string[]>;
}

/** Captures what matches a filter on a link of a namespace; resolves when it has begun. */
export async function capture(
  namespace: string,
  { link, filter }: { link: string; filter: string },
): Promise<Capture> {
  const args = ["-nn", "-l", "-U", "--immediate-mode", "-B", "65536", "-i", link, filter];
  const child = spawn(["tcpdump", ...args], { namespace, stdout: "piped", stderr: "piped" });
  const lines: string[] = [];
  const read = (async () => {
    let rest = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const all = (rest + text).split("\n");
      rest = all.pop()!;
      lines.push(...all);
    }
  })();
  const said = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; !text.includes("listening on");) {
    const { value, done } = await said.read();
    if (done) throw new Error(`tcpdump ended: ${text}`);
    text += value;
  }
  const rest = (async () => {
    while (!(await said.read()).done);
  })();
  return {
    seen: () => lines,
    stop: async () => {
      // What has been sent has passed the link; the rest of its way to here isn't instant.
      await new Promise((resolve) => setTimeout(resolve, 300));
      child.kill("SIGINT");
      await Promise.all([child.status, read, rest]);
      return lines.filter((line) => line !== "");
    },
  };
}
