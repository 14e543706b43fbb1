/** How an orchestrator is reached: a stream both ways, as much of it as the runtime uses. gRPC's is one (grpc-transport.ts). */
import type { OwnerMessage, WorkerMessage } from '@millrace/contracts/orchestrator/v1/dispatch';

/** An open stream. It ends with `end` or `error`, and `status` comes after either. */
export interface WorkerCall {
  write(message: WorkerMessage): unknown;
  end(): unknown;
  cancel(): void;
  pause(): unknown;
  resume(): unknown;
  on(event: 'data', listener: (message: OwnerMessage) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  once(event: 'status', listener: () => void): unknown;
}

/** A connection that was asked for. */
export interface Dialled {
  /** Opens the stream; only once it is ready. */
  work(): WorkerCall;
  close(): void;
}

export interface Transport {
  /** Connects; `ready` is told once, later, with an error when that took longer than `timeoutMs` or failed. */
  dial(address: string, timeoutMs: number, ready: (error: Error | undefined) => void): Dialled;
}
