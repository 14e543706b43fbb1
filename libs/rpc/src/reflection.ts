/**
 * gRPC server reflection (v1 and v1alpha), so that grpcurl and its like need no protos.
 *
 * @grpc/reflection does the work. It and the descriptors are loaded with the first question that is asked:
 * most processes are never asked, and all of them start. Until then the two methods are served as bytes.
 */
import type { Server, ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { EventEmitter } from 'node:events';
import { splitFileDescriptorSet } from './descriptor-set.ts';

const VERSIONS = ['v1', 'v1alpha'] as const;
type Version = (typeof VERSIONS)[number];

/** What the package registers for one version. */
interface Registered {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** Adds reflection of `services()` to a server. */
export function addReflection(server: Server, services: () => readonly string[]): void {
  let loaded: Promise<ReadonlyMap<Version, Registered>> | undefined;
  for (const version of VERSIONS) {
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const definition = { serverReflectionInfo: { path, requestStream: true, responseStream: true, ...AS_BYTES } } as const;
    server.addService(definition, {
      serverReflectionInfo: (call: ServerDuplexStream<Buffer, Buffer>) => {
        loaded ??= load(services());
        // What arrives before the package is loaded waits in the stream.
        loaded.then((versions) => serve(call, versions.get(version))).catch((error: unknown) => call.destroy(error as Error));
      },
    });
  }
}

const AS_BYTES = {
  requestSerialize: (bytes: Buffer) => bytes,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (bytes: Buffer) => bytes,
  responseDeserialize: (bytes: Buffer) => bytes,
};

async function load(services: readonly string[]): Promise<ReadonlyMap<Version, Registered>> {
  const [{ ReflectionService }, { fileDescriptorSet }] = await Promise.all([import('@grpc/reflection'), import('@millrace/contracts/descriptors')]);
  // The package takes what proto-loader makes and looks at the descriptors alone.
  const files = splitFileDescriptorSet(fileDescriptorSet).map((file) => Buffer.from(file));
  const reflection = new ReflectionService(
    { millrace: { format: 'Protocol Buffer 3 DescriptorProto', type: {}, fileDescriptorProtos: files } as never },
    { services: [...services] },
  );
  const versions = new Map<Version, Registered>();
  reflection.addToServer({
    addService: (definition, implementation) => {
      const version = VERSIONS.find((each) => Object.values(definition)[0]?.path.startsWith(`/grpc.reflection.${each}.`));
      if (version !== undefined) versions.set(version, { definition, implementation });
    },
  });
  return versions;
}

/** Runs the package's handler on a call of bytes. */
function serve(call: ServerDuplexStream<Buffer, Buffer>, registered: Registered | undefined): void {
  const method = Object.values(registered?.definition ?? {})[0];
  const handler = Object.values(registered?.implementation ?? {})[0] as ((stream: unknown) => void) | undefined;
  if (method === undefined || handler === undefined) throw new Error('@grpc/reflection did not register the expected service');
  const stream = Object.assign(new EventEmitter(), {
    write: (response: unknown) => call.write(method.responseSerialize(response)),
    end: () => call.end(),
  });
  handler(stream);
  call.on('data', (bytes: Buffer) => stream.emit('data', method.requestDeserialize(bytes)));
  call.on('end', () => stream.emit('end'));
}
