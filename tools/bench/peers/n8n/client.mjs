/** Calls n8n's webhooks, which reply with the last node's output. */
import { Agent, request } from 'node:http';
import { closedLoop, INPUT, planOf, STEPS } from '../closed-loop.mjs';

const plan = planOf();
const agent = new Agent({ keepAlive: true, maxSockets: plan.inFlight });
const body = JSON.stringify(INPUT);

const post = (path) =>
  new Promise((settle, fail) => {
    const sending = request(`${plan.address}${path}`, { method: 'POST', agent, headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => { text += chunk; });
      response.once('end', () => settle({ status: response.statusCode, text }));
    });
    sending.once('error', fail);
    sending.end(body);
  });

await closedLoop(async (work) => {
  const { status, text } = await post(`/webhook/${work}`);
  const parsed = status === 200 ? JSON.parse(text) : undefined;
  if ((Array.isArray(parsed) ? parsed[0] : parsed)?.a !== STEPS[work]) throw new Error(`${status} ${text.slice(0, 200)}`);
}, plan);
process.exit(0);
