/** AsyncAPI over WebSocket: a message is one frame. There are no headers of messages; the handshake carries the key. */
import { WebSocket } from 'undici';
import { CONNECT_TIMEOUT_MS, SUBSCRIPTION_QUEUE_MAX } from '../../limits.ts';
import { ownHeaders } from '../http/request-message.ts';
import { ChannelRefused, inbound, MessageQueue, outboundText, type ChannelAccess, type MessageChannel } from './message-channel.ts';

export const wsChannel: MessageChannel = {
  publish: async (access, { payload }) => {
    const socket = await dial(access, () => undefined);
    const closed = new Promise<void>((resolve) => socket.addEventListener('close', () => resolve(), { once: true }));
    socket.send(outboundText(payload));
    // The closing handshake comes after the message, so that an answer to it means that the message has arrived.
    socket.close(1000);
    await closed;
  },
  async *subscribe(access, signal, ready) {
    const queue = new MessageQueue(SUBSCRIPTION_QUEUE_MAX);
    const socket = await dial(access, (data) => queue.push(inbound(data, {})));
    socket.addEventListener('close', () => queue.end(signal.aborted ? undefined : new ChannelRefused('the other side closed the WebSocket')), { once: true });
    signal.addEventListener('abort', () => queue.end(), { once: true });
    ready();
    try {
      yield* queue;
    } finally {
      socket.close(1000);
    }
  },
};

/** Resolves when the connection is open; no frame that comes with the handshake's answer is missed. */
async function dial({ authenticator, call, credentials, http, operation }: ChannelAccess, onFrame: (data: Uint8Array) => void): Promise<WebSocket> {
  const url = new URL(`${operation.secure ? 'wss' : 'ws'}://${operation.host}${operation.path}/${operation.address.replace(/^\/+/, '')}`);
  http.guard.checkHost(url.hostname);
  const { accept: _accept, ...own } = ownHeaders(call, {});
  const identified = await authenticator.headers(call.step.organisation, credentials, call.secrets);
  const socket = new WebSocket(url, { dispatcher: http.dispatcher, headers: { ...own, ...identified } });
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('message', ({ data }: { readonly data: unknown }) => onFrame(typeof data === 'string' ? Buffer.from(data) : new Uint8Array(data as ArrayBuffer)));
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new ChannelRefused(`${url.host} did not open the WebSocket within ${CONNECT_TIMEOUT_MS} ms`)), CONNECT_TIMEOUT_MS);
    socket.addEventListener('open', () => resolve(), { once: true });
    socket.addEventListener('error', (event) => reject(Object.assign(new Error(event.message === '' ? 'the handshake failed' : event.message), { cause: event.error })), { once: true });
    socket.addEventListener('open', () => clearTimeout(timer), { once: true });
    socket.addEventListener('error', () => clearTimeout(timer), { once: true });
  });
  return socket;
}
