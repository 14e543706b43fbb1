/**
 * The outside world of a conformance run, on loopback: an HTTP server that is every host, an OAuth2 and OpenID Connect
 * authority and agent, a gRPC service of any name, a broker and a WebSocket server on which somebody always says something.
 */
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { startNats, type NatsServer } from '@millrace/servers';
import { startHttpTarget, startWebSocketServer, type Arrival, type HttpTarget, type TargetAnswer } from '@millrace/testkit';
import { isObject, membersOf, objectsIn, type Json, type JsonObject } from '../json.ts';
import type { LoopbackAddresses } from '../rewrite-addresses.ts';
import { describeSystems, type Descriptions } from './described-systems.ts';

/** How often the broker's other side speaks, milliseconds. */
const SPEAK_EVERY_MS = 100;

/** What the other side says, and how many times to each WebSocket. */
const SAID = JSON.stringify({ from: {}, text: 'somebody says something' });
const WS_MESSAGES = 100;

export interface OutsideSystems {
  /** Addresses for one document; two documents never share one, whatever they expect to find there. */
  addressesFor(number: number): LoopbackAddresses;
  /** Serves what the (rewritten) document looks for. */
  prepare(document: JsonObject): void;
  /** What secrets of this name hold. */
  secretOf(name: string): Json;
  close(): Promise<void>;
}

export async function startOutside(folder: string): Promise<OutsideSystems> {
  const descriptions: Descriptions = new Map();
  const http = await startHttpTarget({ answer: (arrival) => answer(arrival, descriptions, http) });
  const sockets = await startWebSocketServer();
  sockets.greetWith(Array.from({ length: WS_MESSAGES }, () => SAID));
  const nats: NatsServer = await startNats({ dataDir: folder });
  const bus: NatsConnection = await connect({ servers: nats.url });
  const grpc = new Server();
  const port = await bound(grpc);
  const services = new Set<string>();
  const channels = new Set<string>();
  const speaking = setInterval(() => {
    for (const channel of channels) bus.publish(channel, SAID);
  }, SPEAK_EVERY_MS);
  const addressesFor = (number: number): LoopbackAddresses => ({
    http: `${http.url}/${number}`,
    grpc: { host: '127.0.0.1', port },
    mcpCommand: { command: process.execPath, arguments: ['--disable-warning=ExperimentalWarning', new URL('mcp-server.ts', import.meta.url).pathname] },
  });
  return {
    addressesFor,
    prepare: (document) => {
      describeSystems(document, { broker: new URL(nats.url).host, http: new URL(http.url).host, ws: sockets.host }, descriptions);
      for (const task of objectsIn(document)) {
        const given = membersOf(task['with']);
        if (task['call'] === 'grpc') serveMethod(grpc, services, String(membersOf(given['service'])['name']), String(given['method']));
        if (task['call'] === 'asyncapi' && isObject(given['subscription'])) channels.add(String(given['operation'] ?? given['channel']).replace(/^\/+/, '').replaceAll('/', '.'));
      }
    },
    secretOf: () => ({ username: 'sample', password: 'sample-password', token: 'sample-token', authority: `${http.url}/authority`, grant: 'client_credentials', client: { id: 'sample', secret: 'sample-secret' } }),
    close: async () => {
      clearInterval(speaking);
      grpc.forceShutdown();
      await bus.close();
      await Promise.all([http.close(), sockets.close(), nats.stop()]);
    },
  };
}

function bound(server: Server): Promise<number> {
  return new Promise((resolve, reject) => server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error === null ? resolve(port) : reject(error))));
}

/** A method that answers with what it was sent. */
function serveMethod(server: Server, known: Set<string>, service: string, method: string): void {
  const path = `/${service}/${method}`;
  if (known.has(path)) return;
  known.add(path);
  const same = (bytes: Buffer): Buffer => bytes;
  const definition = { path, requestStream: false, responseStream: false, requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
  server.addService({ [method]: definition }, { [method]: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => done(null, call.request) });
}

/** `/HOST/PATH`: descriptions, an authority's endpoints, and for the rest something that most callers can use. */
function answer({ body, method, path }: Arrival, descriptions: Descriptions, { url }: HttpTarget): TargetAnswer {
  const { pathname } = new URL(path, url);
  const description = descriptions.get(pathname);
  if (description !== undefined) return { body: description };
  if (pathname.endsWith('/.well-known/openid-configuration')) {
    const issuer = `${url}${pathname.slice(0, -'/.well-known/openid-configuration'.length)}`;
    return { body: { issuer, token_endpoint: `${issuer}/token` } };
  }
  if (method === 'POST' && /\/token$/.test(pathname)) return { body: { access_token: 'sample-access-token', token_type: 'Bearer', expires_in: 300 } };
  if (method === 'POST' && /"jsonrpc":\s*"2\.0"/.test(body)) return { body: { jsonrpc: '2.0', id: (JSON.parse(body) as { readonly id?: Json }).id ?? null, result: { kind: 'message', role: 'agent', parts: [] } } };
  // A document may follow the addresses in an answer.
  return { body: { id: 1, name: 'sample', status: 'available', homeworld: `${url}${pathname}/next`, url: `${url}${pathname}` } };
}
