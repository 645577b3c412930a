import { describeConformance } from "../conformance/suite.js";
import { processUnderTest } from "./process-under-test.js";

describeConformance(processUnderTest);
