/**
 * A stream in both directions as the one that serves it sees it: what these services need of gRPC's
 * `ServerDuplexStream`, which is one.
 */
export interface DuplexCall<In, Out> {
  readonly destroyed: boolean;
  readonly writableEnded: boolean;
  /** False: the other side does not take it at the moment; `drain` comes when it does. */
  write(message: Out): boolean;
  end(): unknown;
  pause(): unknown;
  resume(): unknown;
  on(event: 'data', listener: (message: In) => void): unknown;
  on(event: 'end' | 'error' | 'close' | 'cancelled', listener: () => void): unknown;
  once(event: 'drain' | 'close', listener: (value: unknown) => void): unknown;
}
