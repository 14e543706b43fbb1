/** Executions that sleep in the background while others are measured. */
import { credentials } from '@grpc/grpc-js';
import { ExecutionServiceClient, type StartExecutionsResponse } from '@millrace/contracts/gateway/v1/gateway';
import type { BenchCluster } from './bench-cluster.ts';
import { PAYLOAD, sleeping } from './documents.ts';

/** Starts in one message, and those that are not yet durable at once. */
const BATCH = 500;
const UNDECIDED_MAX = 10_000;

/** Starts so many executions that wait for a day; resolves when all are durable. Yields how long that took, in ms. */
export async function startSleepers(bed: BenchCluster, count: number): Promise<number> {
  await bed.apply(sleeping());
  const client = new ExecutionServiceClient(bed.cluster.addresses.gatewayGrpc, credentials.createInsecure());
  const since = performance.now();
  try {
    await new Promise<void>((settle, fail) => {
      const stream = client.startExecutions(bed.metadata());
      let sent = 0;
      let durable = 0;
      const send = (): void => {
        while (sent < count && sent - durable < UNDECIDED_MAX) {
          const size = Math.min(BATCH, count - sent);
          const first = sent + 1;
          sent += size;
          stream.write({ starts: Array.from({ length: size }, (_, index) => ({ number: first + index, workflow: 'sleeping', inputJson: JSON.stringify(PAYLOAD), idempotencyKey: '', wait: false, acknowledge: true, organisation: '', traceparent: '' })) });
        }
      };
      stream.on('data', ({ answers }: StartExecutionsResponse) => {
        for (const { status, message } of answers) {
          if (status !== 'pending') return fail(new Error(`a sleeper was not accepted: ${status} ${message}`));
          durable++;
        }
        if (durable < count) return send();
        stream.end();
        settle();
      });
      stream.on('error', fail);
      send();
    });
  } finally {
    client.close();
  }
  return performance.now() - since;
}
