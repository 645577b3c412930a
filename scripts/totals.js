// Prints the totals of a test run (`N passed, N failed, N skipped`) and ends with 1 where anything failed.
// usage: node totals.js <vitest's JSON report> <number of failed steps, the tests' own included>
import { readFileSync } from "node:fs";

const [reportPath, failedStepsText] = process.argv.slice(2);
const failedSteps = Number(failedStepsText);

/** @type {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number, testResults: { status: string, assertionResults: { status: string }[] }[] } | undefined} */
let report;
try {
  report = JSON.parse(readFileSync(reportPath, "utf8"));
} catch {
  // The test runner did not get as far as a report; its failure is among the steps.
}

const passed = report?.numPassedTests ?? 0;
const failedTests = report?.numFailedTests ?? 0;
// A file that cannot even be loaded has no failed test to show for it.
const failedFiles = (report?.testResults ?? []).filter(
  (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
).length;
const skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0);
const explainedByTests = failedTests + failedFiles > 0 ? 1 : 0;
const failed = failedTests + failedFiles + Math.max(0, failedSteps - explainedByTests);

console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
