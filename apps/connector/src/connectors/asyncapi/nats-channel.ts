/**
 * AsyncAPI over NATS: the channel is the subject; a message carries `Nats-Msg-Id`, so that a stream of JetStream that
 * takes it stores it once over attempts.
 */
import { connect, headers as natsHeaders, type NatsConnection } from '@nats-io/transport-node';
import { AddressBlocked } from '../../address-guard.ts';
import { CONNECT_TIMEOUT_MS, SUBSCRIPTION_QUEUE_MAX } from '../../limits.ts';
import { ChannelRefused, inbound, keyOf, MessageQueue, outboundText, type ChannelAccess, type MessageChannel } from './message-channel.ts';

const DEFAULT_PORT = 4222;

export const natsChannel: MessageChannel = {
  publish: async (access, { headers, payload }) => {
    const connection = await dial(access);
    try {
      const sent = natsHeaders();
      for (const [name, value] of Object.entries(headers)) sent.set(name, value);
      if (!sent.has('Nats-Msg-Id')) sent.set('Nats-Msg-Id', keyOf(access.call));
      connection.publish(subjectOf(access), outboundText(payload), { headers: sent });
      await connection.flush();
    } finally {
      await connection.close();
    }
  },
  async *subscribe(access, signal, ready) {
    const connection = await dial(access);
    try {
      const queue = new MessageQueue(SUBSCRIPTION_QUEUE_MAX);
      const subscription = connection.subscribe(subjectOf(access), {
        callback: (error, message) => {
          if (error !== null) return queue.end(error);
          const seen: Record<string, string> = {};
          for (const name of message.headers?.keys() ?? []) seen[name] = message.headers?.get(name) ?? '';
          queue.push(inbound(message.data, seen));
        },
      });
      void connection.closed().then((error) => queue.end(error instanceof Error ? error : new ChannelRefused('the connection to NATS was closed')));
      const stop = (): void => queue.end();
      signal.addEventListener('abort', stop, { once: true });
      await connection.flush();
      ready();
      yield* queue;
      subscription.unsubscribe();
    } finally {
      await connection.close();
    }
  },
};

async function dial({ call, credentials, http, operation }: ChannelAccess): Promise<NatsConnection> {
  const { hostname, port } = new URL(`nats://${operation.host}`);
  const address = await http.guard.resolve(hostname);
  const servers = `${address.includes(':') ? `[${address}]` : address}:${port === '' ? DEFAULT_PORT : port}`;
  const identified = credentials.kind === 'basic' ? { user: credentials.username, pass: credentials.password } : credentials.kind === 'bearer' ? { token: credentials.token } : {};
  if (credentials.kind !== 'none' && Object.keys(identified).length === 0) throw new ChannelRefused(`NATS takes basic and bearer authentication, not ${credentials.kind}`);
  try {
    return await connect({ servers, ...identified, ...(operation.secure ? { tls: {} } : {}), name: `millrace ${call.step.execution}`, reconnect: false, timeout: CONNECT_TIMEOUT_MS });
  } catch (error) {
    if (error instanceof AddressBlocked) throw error;
    throw Object.assign(new Error(error instanceof Error ? error.message : String(error)), { code: (error as { code?: unknown }).code ?? 'ECONNREFUSED' });
  }
}

/** A channel that is written as a path becomes a subject. */
function subjectOf({ operation }: ChannelAccess): string {
  const subject = operation.address.replace(/^\/+/, '').replaceAll('/', '.');
  if (!/^[^\s.]+(\.[^\s.]+)*$/.test(subject)) throw new ChannelRefused(`${operation.address} is no subject of NATS`);
  return subject;
}
