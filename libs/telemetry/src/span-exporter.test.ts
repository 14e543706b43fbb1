import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SPAN_QUEUE_MAX, createSpanExporter, type FinishedSpan } from './index.ts';

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[] };
    readonly scopeSpans: readonly { readonly spans: readonly Record<string, unknown>[] }[];
  }[];
}

/** An HTTP server that takes what a collector takes; `status` is its answer. */
async function startCollector(status = 200) {
  const requests: { path: string; headers: Record<string, unknown>; body: OtlpRequest }[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      requests.push({ path: request.url ?? '', headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) as OtlpRequest });
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { requests, endpoint: `http://127.0.0.1:${port}`, stop: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }) };
}

const span = (change: Partial<FinishedSpan> = {}): FinishedSpan => ({
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  name: 'call',
  service: 'orchestrator',
  kind: 'internal',
  startedAtMs: 1_700_000_000_000.25,
  endedAtMs: 1_700_000_000_002,
  attributes: { 'millrace.task': '/do/0/call', attempt: 2 },
  status: 'error',
  message: 'refused',
  ...change,
});

describe('the span exporter', () => {
  test('sends spans to the collector, grouped by the service they belong to', async () => {
    const collector = await startCollector();
    const exporter = createSpanExporter({ service: 'orchestrator', instance: 'o-1', endpoint: `${collector.endpoint}/`, headers: { 'x-key': 'k' } });
    exporter.export([span(), span({ service: 'connector', spanId: '00f067aa0ba902b7', parentSpanId: 'b7ad6b7169203331', kind: 'client', status: 'ok' })]);
    await exporter.shutdown();
    await collector.stop();

    const [request] = collector.requests;
    expect(request).toMatchObject({ path: '/v1/traces', headers: { 'x-key': 'k' } });
    const groups = (request?.body.resourceSpans ?? []).map(({ resource, scopeSpans }) => ({
      service: resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue,
      instance: resource.attributes.find(({ key }) => key === 'service.instance.id')?.value.stringValue,
      spans: scopeSpans.flatMap(({ spans }) => spans),
    }));
    expect(groups).toEqual([
      {
        service: 'orchestrator',
        instance: 'o-1',
        spans: [
          expect.objectContaining({
            traceId: '0af7651916cd43dd8448eb211c80319c',
            spanId: 'b7ad6b7169203331',
            name: 'call',
            kind: 1,
            startTimeUnixNano: '1700000000000250000',
            endTimeUnixNano: '1700000000002000000',
            status: { code: 2, message: 'refused' },
          }),
        ],
      },
      { service: 'connector', instance: undefined, spans: [expect.objectContaining({ parentSpanId: 'b7ad6b7169203331', kind: 3, status: { code: 1 } })] },
    ]);
    expect(exporter.droppedCount()).toBe(0);
  });

  test('keeps nothing when no endpoint is configured', async () => {
    const exporter = createSpanExporter({ service: 's', instance: 'i' });
    expect(exporter.enabled).toBe(false);
    exporter.export([span()]);
    await exporter.shutdown();
  });

  test('counts what a collector refuses', async () => {
    const collector = await startCollector(400);
    const exporter = createSpanExporter({ service: 's', instance: 'i', endpoint: collector.endpoint });
    exporter.export([span(), span()]);
    await exporter.shutdown();
    await collector.stop();
    expect(exporter.droppedCount()).toBe(2);
  });

  test('drops and counts what its queue does not hold instead of growing', async () => {
    const collector = await startCollector(400);
    const exporter = createSpanExporter({ service: 's', instance: 'i', endpoint: collector.endpoint });
    exporter.export(Array.from({ length: SPAN_QUEUE_MAX + 5 }, () => span()));
    expect(exporter.droppedCount()).toBe(5);
    await exporter.shutdown();
    await collector.stop();
  });
});
