import { threeMembers } from "../../tests/harness/store_subjects.ts";
import { storeEnsembles } from "../testing/conformance.ts";

storeEnsembles("zookeeper", () => threeMembers("zookeeper", { election: 15_000 }));
