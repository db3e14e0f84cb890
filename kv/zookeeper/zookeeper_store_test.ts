import { sharedServer } from "../../tests/harness/remote_store.ts";
import { startZooKeeper } from "../../tests/harness/zookeeper.ts";
import { storeConformance } from "../conformance.ts";
import { open } from "./zookeeper_store.ts";

const { conforming } = sharedServer(() => startZooKeeper(), open);

storeConformance("zookeeper", conforming);
