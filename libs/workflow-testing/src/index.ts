export { coverageOf, type Coverage } from './coverage.ts';
export { addressOf, createMockBook, MockError, ownAnswer, type Mock, type MockAnswer, type MockTarget } from './mock.ts';
export { isTask, pathOf, type PathStep } from './path.ts';
export { isEmit, isSubflow, rehearse, rehearseWith, MESSAGES_MAX, WORKFLOW_DEPTH_MAX, type Outcome, type Rehearsal, type Rehearsed, type RehearsedEvent, type RehearsedStep, type StepAnswer } from './rehearse.ts';
export { jsonReport, junitReport, textReport, totalsOf, type Totals } from './report.ts';
export { runOnMocks, runTests, START_DEFAULT, type CaseResult, type RunGiven, type TestResult } from './run-tests.ts';
export { checkTestDocument, isTestDocument, type Expectation, type TestCase, type TestDocument, type TestDocumentResult, type TestSpec } from './test-document.ts';
export { CASES_MAX, LIST_MAX, TEST_SCHEMA } from './test-schema.ts';
export { workflowFile, workflowText, workflowUnderTest, type RunOptions, type RunResult, type TypedDocument, type WorkflowUnderTest } from './workflow-under-test.ts';
