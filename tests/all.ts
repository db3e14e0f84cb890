/**
 * All tests: compiles the executable where that is possible (`deno compile` downloads a runtime,
 * which a test must not depend on; then the source is driven instead), runs every test, and ends
 * with one line of counts.
 *
 * The tests run as a few processes side by side, since those of the stores mostly wait. Words behind
 * `task test` are handed to `deno test`, which then runs alone: `task test tests/e2e`.
 */
const deno = Deno.execPath();
const root = new URL("../", import.meta.url);

/** Tests across hosts that take long. */
const SLOW_CLUSTERS = ["store_trouble", "chaos", "lease", "members"].map((name) =>
  `tests/cluster/${name}_test.ts`
);

interface Run {
  name: string;
  run: string[];
  ignore?: string[];
}

/** What runs side by side: lanes of runs, one after the other; a run is one `deno test`. */
const LANES: Run[][] = [
  [{ name: "all but stores", run: ["."], ignore: ["kv/", "dist/", "tests/cluster"] }],
  [
    { name: "slow clusters", run: SLOW_CLUSTERS },
    { name: "other stores", run: ["kv/"], ignore: ["kv/consul", "kv/etcd", "kv/zookeeper"] },
  ],
  [
    { name: "consul", run: ["kv/consul"] },
    { name: "clusters", run: ["tests/cluster"], ignore: SLOW_CLUSTERS },
  ],
  [
    { name: "etcd", run: ["kv/etcd"] },
    { name: "zookeeper", run: ["kv/zookeeper"] },
  ],
];

if (Deno.uid() !== 0) {
  console.error("netsvc needs root: network namespaces are the kernel's; run this with sudo");
  Deno.exit(1);
}

const compile = new Deno.Command(deno, {
  args: ["run", "-A", ".ci/compile.ts"],
  cwd: root,
  stdin: "null",
});
const compiled = (await compile.spawn().status).success;
if (!compiled && Deno.env.get("NETSVC_EXECUTABLE") === "required") {
  console.error("The executable can't be compiled, and .ci/run drives it");
  Deno.exit(1);
}
console.log(`Driving ${compiled ? "dist/netsvc" : "the source; no runtime to compile with"}`);

/** Copies lines as they come, each with the name of its group where there are several. */
async function copy(
  from: ReadableStream<Uint8Array>,
  prefix: string,
): Promise<void> {
  let rest = "";
  for await (const text of from.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) console.log(`${prefix}${line}`);
  }
  if (rest !== "") console.log(`${prefix}${rest}`);
}

interface Counts {
  tests: number;
  failed: number;
  /** What failed, and why: a line each. */
  failures: string[];
  success: boolean;
}

/** What a report of the JUnit format says of tests that failed, with the file of each. */
function failuresOf(xml: string): string[] {
  const text = (escaped: string) =>
    escaped.replace(
      /&(lt|gt|quot|apos|amp);/g,
      (_, name: string) => ({ lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" })[name]!,
    );
  return [...xml.matchAll(
    /<testcase name="([^"]*)" classname="([^"]*)"[^>]*>\s*<(?:failure|error) message="([^"]*)"/g,
  )].map(([, name, file, message]) =>
    `${file}: ${text(name!)}: ${text(message!).replaceAll(/\s+/g, " ").slice(0, 500)}`
  );
}

/** Runs one `deno test`. */
async function test(words: string[], prefix: string): Promise<Counts> {
  const report = await Deno.makeTempFile({ prefix: "netsvc-junit-" });
  try {
    const child = new Deno.Command(deno, {
      args: ["test", "-A", "--trace-leaks", `--junit-path=${report}`, ...words],
      cwd: root,
      env: compiled ? {} : { NETSVC_FROM_SOURCE: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await Promise.all([child.stdout, child.stderr].map((from) => copy(from, prefix)));
    const { success } = await child.status;
    const xml = await Deno.readTextFile(report);
    /** A number of the report's outermost element; none where nothing ran. */
    const count = (name: string) =>
      Number(xml.match(new RegExp(`<testsuites[^>]* ${name}="(\\d+)"`))?.[1] ?? 0);
    return {
      tests: count("tests"),
      failed: count("failures") + count("errors"),
      failures: failuresOf(xml),
      success,
    };
  } finally {
    await Deno.remove(report);
  }
}

/** One run after the other. */
async function runLane(lane: typeof LANES[number]): Promise<Counts[]> {
  const counts: Counts[] = [];
  for (const { name, run, ignore = [] } of lane) {
    const ignored = ignore.length > 0 ? [`--ignore=${ignore.join(",")}`] : [];
    counts.push(await test([...ignored, ...run], `${name}| `));
  }
  return counts;
}

const results = Deno.args.length > 0
  ? [await test(Deno.args, "")]
  : (await Promise.all(LANES.map(runLane))).flat();
const tests = results.reduce((sum, counts) => sum + counts.tests, 0);
const failed = results.reduce((sum, counts) => sum + counts.failed, 0);
// A process that broke before its first test has no failed one to count.
const broken = results.filter(({ success, failed }) => !success && failed === 0).length;
// Where the end of the output alone is kept, this is what somebody needs to know.
for (const { failures } of results) for (const line of failures) console.log(`failed: ${line}`);
console.log(`${tests - failed} passed, ${failed + broken} failed`);
Deno.exit(results.every(({ success, tests }) => success && tests > 0) ? 0 : 1);
