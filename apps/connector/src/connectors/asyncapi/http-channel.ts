/** AsyncAPI over HTTP: a message goes out as one request, and comes in as server-sent events or lines of JSON. */
import { OUTPUT_BYTES_MAX } from '../../limits.ts';
import { ownHeaders } from '../http/request-message.ts';
import { ChannelStatus, inbound, outboundText, type ChannelAccess, type InboundMessage, type MessageChannel } from './message-channel.ts';

export const httpChannel: MessageChannel = {
  publish: async ({ authenticator, call, credentials, http, operation }, { headers, payload }) => {
    const url = urlOf(operation);
    const method = operation.httpMethod ?? 'POST';
    const body = outboundText(payload);
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    const sent = { 'content-type': typeof payload === 'string' ? 'text/plain; charset=utf-8' : 'application/json', ...lower };
    const answer = await authenticator.exchange({ organisation: call.step.organisation, method, url, body, credentials, secrets: call.secrets }, (own) =>
      http.ask({ method, url, headers: { ...sent, ...ownHeaders(call, sent), ...own }, body, signal: call.signal, bytesMax: OUTPUT_BYTES_MAX }),
    );
    if (answer.status < 200 || answer.status > 299) throw new ChannelStatus(answer.status, `${method} ${url.origin}${url.pathname}`);
  },
  async *subscribe({ authenticator, call, credentials, http, operation }, signal, ready) {
    const url = urlOf(operation);
    const headers = { ...ownHeaders(call, {}), accept: 'text/event-stream, application/x-ndjson', ...(await authenticator.headers(call.step.organisation, credentials, call.secrets)) };
    const stream = await http.open({ method: operation.httpMethod ?? 'GET', url, headers, signal });
    if (stream.status < 200 || stream.status > 299) throw new ChannelStatus(stream.status, `GET ${url.origin}${url.pathname}`);
    ready();
    const isEvents = /^text\/event-stream\b/i.test(stream.headers['content-type'] ?? '');
    yield* messagesIn(stream.chunks, isEvents ? '\n\n' : '\n', isEvents);
  },
};

function urlOf({ address, host, path, secure }: ChannelAccess['operation']): URL {
  return new URL(`${secure ? 'https' : 'http'}://${host}${path}/${address.replace(/^\/+/, '')}`);
}

async function* messagesIn(chunks: AsyncIterable<Uint8Array>, end: string, isEvents: boolean): AsyncIterable<InboundMessage> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of chunks) {
    text = (text + decoder.decode(chunk, { stream: true })).replaceAll('\r\n', '\n');
    const parts = text.split(end);
    text = (parts.pop() ?? '').slice(0, OUTPUT_BYTES_MAX);
    for (const part of parts) {
      const data = isEvents ? part.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).replace(/^ /, '')).join('\n') : part;
      if (data.trim() !== '') yield inbound(Buffer.from(data), {});
    }
  }
}
