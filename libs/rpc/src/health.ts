/**
 * The health service of gRPC (grpc.health.v1, https://github.com/grpc/grpc/blob/master/doc/health-checking.md).
 * Two messages of one field each, written by hand rather than loaded from a proto.
 */
import { status, type ServiceDefinition, type ServerUnaryCall, type ServerWritableStream, type UntypedServiceImplementation, type sendUnaryData } from '@grpc/grpc-js';

/** Name of the health service. */
export const HEALTH_SERVICE = 'grpc.health.v1.Health';

/** HealthCheckResponse.ServingStatus. */
const STATUS_CODES = { serving: 1, 'not-serving': 2, 'service-unknown': 3 } as const;
export type HealthStatus = keyof typeof STATUS_CODES;

/** HealthCheckRequest. */
interface HealthRequest {
  readonly service: string;
}

/** HealthCheckResponse. */
interface HealthResponse {
  readonly status: HealthStatus;
}

export interface Health {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
  setServing(serving: boolean): void;
  /** Ends the watches, which would otherwise keep the server from stopping. */
  close(): void;
}

/** Serves health for the process as a whole (the empty name) and for each of its services. */
export function createHealth(services: () => readonly string[]): Health {
  let serving = false;
  const watches = new Map<ServerWritableStream<HealthRequest, HealthResponse>, { service: string; last: HealthStatus | undefined }>();

  const statusOfService = (service: string): HealthStatus => {
    if (service !== '' && !services().includes(service)) return 'service-unknown';
    return serving ? 'serving' : 'not-serving';
  };
  const tell = (): void => {
    for (const [call, watch] of watches) {
      const current = statusOfService(watch.service);
      if (current !== watch.last) call.write({ status: current });
      watch.last = current;
    }
  };

  return {
    definition: {
      check: { path: `/${HEALTH_SERVICE}/Check`, requestStream: false, responseStream: false, ...SERIALIZERS },
      watch: { path: `/${HEALTH_SERVICE}/Watch`, requestStream: false, responseStream: true, ...SERIALIZERS },
    },
    implementation: {
      check: (call: ServerUnaryCall<HealthRequest, HealthResponse>, callback: sendUnaryData<HealthResponse>) => {
        const current = statusOfService(call.request.service);
        if (current === 'service-unknown') callback({ code: status.NOT_FOUND, details: `There is no service ${call.request.service} here` });
        else callback(null, { status: current });
      },
      watch: (call: ServerWritableStream<HealthRequest, HealthResponse>) => {
        watches.set(call, { service: call.request.service, last: undefined });
        call.once('cancelled', () => watches.delete(call));
        tell();
      },
    },
    setServing: (now) => {
      serving = now;
      tell();
    },
    close: () => {
      for (const call of watches.keys()) call.end();
      watches.clear();
    },
  };
}

const SERIALIZERS = {
  requestSerialize: ({ service }: HealthRequest): Buffer => {
    const name = Buffer.from(service);
    return name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  },
  requestDeserialize: (bytes: Buffer): HealthRequest => {
    // Field 1, length-delimited; names of services are shorter than the 128 bytes that one length byte can say.
    if (bytes.length < 2 || bytes[0] !== 0x0a) return { service: '' };
    return { service: bytes.subarray(2, 2 + (bytes[1] ?? 0)).toString() };
  },
  responseSerialize: (response: HealthResponse): Buffer => Buffer.from([0x08, STATUS_CODES[response.status]]),
  responseDeserialize: (bytes: Buffer): HealthResponse => {
    const found = (Object.keys(STATUS_CODES) as HealthStatus[]).find((name) => STATUS_CODES[name] === bytes[1]);
    return { status: found ?? 'service-unknown' };
  },
};
