/** `./task picture`: draws the floors into `docs/floors.svg`. */
import { drawFloors } from "./picture.ts";
import { importGraph, sources } from "./sources.ts";

const target = new URL("../../docs/floors.svg", import.meta.url);
await Deno.writeTextFile(target, drawFloors(importGraph(await sources())));
