/** The bare engine's worker: answers every step with what it was given. Arguments: the engine's address. */
import { credentials, makeGenericClientConstructor, type ClientDuplexStream } from '@grpc/grpc-js';
import { BARE_SERVICE, type BareStep } from './bare-protocol.ts';

const Client = makeGenericClientConstructor(BARE_SERVICE, 'Bare');
const client = new Client(process.argv[2] ?? '', credentials.createInsecure(), { 'grpc.max_receive_message_length': 64 * 1024 * 1024 }) as unknown as { Work(): ClientDuplexStream<readonly BareStep[], readonly BareStep[]> };
const stream = client.Work();
stream.on('data', (steps: readonly BareStep[]) => void stream.write(steps));
stream.on('error', () => process.exit(0));
