import { startDenoKv } from "../../tests/harness/denokv.ts";
import { sharedServer } from "../../tests/harness/remote_store.ts";
import { storeConformance } from "../conformance.ts";
import { open } from "./denokv_store.ts";

const { conforming } = sharedServer(() => startDenoKv(), open);

storeConformance("denokv", conforming);
