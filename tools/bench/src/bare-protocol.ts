/** What the bare engine and its worker say to each other: lists of steps as JSON over one gRPC stream. */
import type { ServiceDefinition } from '@grpc/grpc-js';

export interface BareStep {
  readonly id: number;
  readonly value: { readonly a: number; readonly text: string };
}

const encode = (steps: readonly BareStep[]): Buffer => Buffer.from(JSON.stringify(steps));
const decode = (bytes: Buffer): readonly BareStep[] => JSON.parse(bytes.toString()) as readonly BareStep[];

export const BARE_SERVICE: ServiceDefinition = {
  Work: { path: '/bare/Work', requestStream: true, responseStream: true, requestSerialize: encode, requestDeserialize: decode, responseSerialize: encode, responseDeserialize: decode },
};
