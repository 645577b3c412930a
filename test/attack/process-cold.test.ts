import { processUnderTest } from "../sandbox/process/process-under-test.js";
import { describeAttacks } from "./catalogue.js";

describeAttacks(processUnderTest, "cold");
