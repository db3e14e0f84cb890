/**
 * All tests: compiles the executable where that is possible (`deno compile` downloads a runtime,
 * which a test must not depend on; then the source is driven instead), runs every test, and ends
 * with one line of counts.
 */
const deno = Deno.execPath();
const root = new URL("../", import.meta.url);

if (Deno.uid() !== 0) {
  console.error("netsvc needs root: network namespaces are the kernel's; run this with sudo");
  Deno.exit(1);
}

async function run(args: string[], env: Record<string, string> = {}): Promise<boolean> {
  const { success } = await new Deno.Command(deno, { args, cwd: root, env, stdin: "null" }).spawn()
    .status;
  return success;
}

const compiled = await run(["run", "-A", ".ci/compile.ts"]);
if (!compiled && Deno.env.get("NETSVC_EXECUTABLE") === "required") {
  console.error("The executable can't be compiled, and .ci/run drives it");
  Deno.exit(1);
}
console.log(`Driving ${compiled ? "dist/netsvc" : "the source; no runtime to compile with"}`);

const report = await Deno.makeTempFile({ prefix: "netsvc-junit-" });
const passed = await run(
  ["test", "-A", "--trace-leaks", `--junit-path=${report}`, ...Deno.args],
  compiled ? {} : { NETSVC_FROM_SOURCE: "1" },
);
const xml = await Deno.readTextFile(report);
await Deno.remove(report);
/** A number of the report's outermost element. */
const count = (name: string) =>
  Number(xml.match(new RegExp(`<testsuites[^>]* ${name}="(\\d+)"`))?.[1]);
const [tests, failures, errors] = ["tests", "failures", "errors"].map(count) as [
  number,
  number,
  number,
];
const failed = failures + errors;
console.log(`${tests - failed} passed, ${failed} failed`);
Deno.exit(passed && failed === 0 && tests > 0 ? 0 : 1);
