export { MillraceError, Defect, type Code, type Retry, type FailureOptions } from './error.ts';
export { REASONS, type Reason } from './catalogue.ts';
export { grpcStatusOf, codeOfGrpcStatus, httpStatusOf, problemOf, type ProblemDocument } from './transport.ts';
