export { compileJq, SOURCE_LENGTH_MAX } from './program.ts';
export type { AllOutcome, CompileOptions, CompileResult, JqError, JqProgram, Outcome } from './program.ts';
export { ALLOCATION_BYTES_DEFAULT, BUDGET_DEFAULT, DEPTH_DEFAULT, DEPTH_MAX, FUEL_DEFAULT } from './budget.ts';
export type { Budget } from './budget.ts';
export type { FailureReason } from './failure.ts';
export type { JsonArray, JsonObject, JsonValue } from './json-value.ts';
export type { Refusal } from './source-position.ts';
