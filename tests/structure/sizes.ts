/**
 * Sizes of functions, classes and parameter lists, counted from the syntax tree by Deno's own linter.
 * `Deno.lint.runPlugin` is there under `deno test` alone.
 *
 * @module
 */

/** A function, method or arrow function with a body in braces. */
export interface FunctionSize {
  file: string;
  name: string;
  /** First line, from 1. */
  line: number;
  /** Lines from its first to its last. */
  lines: number;
  /** Parameters that a caller must give. */
  required: number;
  exported: boolean;
}

/** A class. */
export interface ClassSize {
  file: string;
  name: string;
  /** Methods, private ones too; neither constructor nor accessors. */
  methods: number;
}

/** What was counted. */
export interface Sizes {
  functions: FunctionSize[];
  classes: ClassSize[];
}

// deno-lint-ignore no-explicit-any -- the tree's nodes differ between versions of the linter
type Node = any;

function nameOf(node: Node): string {
  const named = node.id ?? node.parent?.key ?? node.parent?.id;
  return named?.name ?? "anonymous";
}

function required(node: Node): number {
  return node.params.filter((param: Node) =>
    param.type !== "AssignmentPattern" && param.type !== "RestElement" && !param.optional
  ).length;
}

/** Counts one file. */
export function sizesOf(file: string, text: string): Sizes {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  const lineAt = (offset: number) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
  const sizes: Sizes = { functions: [], classes: [] };
  const count = (node: Node) => {
    if (node.body?.type !== "BlockStatement") return;
    const [from, to] = node.range as [number, number];
    const line = lineAt(from);
    sizes.functions.push({
      file,
      name: nameOf(node),
      line,
      lines: lineAt(to - 1) - line + 1,
      required: required(node),
      exported: node.parent?.type === "ExportNamedDeclaration",
    });
  };
  const plugin = {
    name: "sizes",
    rules: {
      sizes: {
        create: () => ({
          FunctionDeclaration: count,
          FunctionExpression: count,
          ArrowFunctionExpression: count,
          ClassDeclaration: (node: Node) => {
            const methods =
              node.body.body.filter((member: Node) =>
                member.type === "MethodDefinition" && member.kind === "method"
              ).length;
            sizes.classes.push({ file, name: node.id?.name ?? "anonymous", methods });
          },
        }),
      },
    },
  };
  Deno.lint.runPlugin(plugin as Deno.lint.Plugin, file, text);
  return sizes;
}

/** The value below which a share of the sorted values lies. */
export function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
